const STARS = 5;
const SIDE = 16;

/** Five stars, filled from the left; the number beside them says it in words. */
export function Stars({ of }: { of: number }) {
  const filled = Math.max(0, Math.min(STARS, of)) * SIDE;
  return (
    <svg className="stars" viewBox={`0 0 ${STARS * SIDE} ${SIDE}`} aria-hidden="true">
      <FiveStars className="star-empty" />
      {filled > 0 && (
        <svg width={filled} height={SIDE} viewBox={`0 0 ${filled} ${SIDE}`}>
          <FiveStars className="star-full" />
        </svg>
      )}
    </svg>
  );
}

function FiveStars({ className }: { className: string }) {
  return Array.from({ length: STARS }, (_, i) => (
    <path key={i} className={className} transform={`translate(${i * SIDE} 0)`} d="m8 1.800 1.9 4 4.300.5-3.200 3 .9 4.400L8 11.500l-3.900 2.200.9-4.400-3.200-3 4.300-.5z" />
  ));
}
