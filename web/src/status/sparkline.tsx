const WIDTH = 120;
const HEIGHT = 28;
const PAD = 1;

/** The line through the samples in a box of `WIDTH` by `HEIGHT`, the newest at the right edge. */
export function sparkPath(samples: readonly number[], slots: number): string {
  const top = Math.max(...samples, Number.EPSILON);
  const step = (WIDTH - 2 * PAD) / Math.max(1, slots - 1);
  return samples
    .map((sample, i) => {
      const x = WIDTH - PAD - (samples.length - 1 - i) * step;
      const y = HEIGHT - PAD - (Math.max(0, sample) / top) * (HEIGHT - 2 * PAD);
      return `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}

export function Sparkline({ samples, slots, label }: { samples: readonly number[]; slots: number; label: string }) {
  if (samples.length < 2) return <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" />;
  const line = sparkPath(samples, slots);
  const left = line.slice(1, line.indexOf(' '));
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} preserveAspectRatio="none">
      <path className="sparkline-base" d={`M${PAD} ${HEIGHT - PAD}H${WIDTH - PAD}`} />
      <path className="sparkline-area" d={`${line}L${WIDTH - PAD} ${HEIGHT}L${left} ${HEIGHT}Z`} />
      <path className="sparkline-line" d={line} />
    </svg>
  );
}
