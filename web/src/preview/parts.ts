import type { ScorePart } from '../api/wire';

export const BAR_WIDTH = 100;

export interface Bar {
  x: number;
  width: number;
}

/** Bars on one common scale with one zero line: what pulls a product down grows to the left of it. */
export function bars(parts: readonly ScorePart[]): { zero: number; bars: Bar[] } {
  const high = Math.max(0, ...parts.map((part) => part.value));
  const low = Math.min(0, ...parts.map((part) => part.value));
  const span = high - low || 1;
  const at = (value: number) => ((value - low) / span) * BAR_WIDTH;
  const zero = at(0);
  return { zero, bars: parts.map(({ value }) => ({ x: Math.min(zero, at(value)), width: Math.abs(at(value) - zero) })) };
}

/** Strongest first, whatever the sign. */
export function byStrength(parts: readonly ScorePart[]): ScorePart[] {
  return [...parts].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
}
