const WIDTH = 100;
const HEIGHT = 8;

export interface BarPart {
  share: number;
  className: string;
}

/** One bar of parts that stand after one another; what they leave of the whole is the track. */
export function Bar({ parts }: { parts: readonly BarPart[] }) {
  return (
    <svg className="bar" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <rect className="bar-track" width={WIDTH} height={HEIGHT} />
      {layBar(parts).map(({ className, x, width }) => (
        <rect key={className} className={className} x={x} width={width} height={HEIGHT} />
      ))}
    </svg>
  );
}

/** Where each part stands. What is not nothing is seen: at least one hundredth. */
export function layBar(parts: readonly BarPart[]): { className: string; x: number; width: number }[] {
  let x = 0;
  return parts.map(({ share, className }) => {
    const wanted = share > 0 ? Math.max(1, Math.min(1, share) * WIDTH) : 0;
    const width = Math.min(WIDTH - x, wanted);
    const laid = { className, x, width };
    x += width;
    return laid;
  });
}

/** A share of a whole as a ring, with its number in the middle. */
export function Ring({ share, text, className = '' }: { share: number; text: string; className?: string }) {
  const part = Math.max(0, Math.min(1, share)) * 100;
  return (
    <svg className={`ring ${className}`} viewBox="0 0 100 100" aria-hidden="true">
      <circle className="ring-track" cx="50" cy="50" r="42" />
      {part > 0 && (
        <circle className="ring-fill" cx="50" cy="50" r="42" pathLength="100" strokeDasharray={`${part} 100`} transform="rotate(-90 50 50)" />
      )}
      <text x="50" y="50" dominantBaseline="central" textAnchor="middle">
        {text}
      </text>
    </svg>
  );
}
