// How a slate came about, in numbers: what each source gave, what was kept off, what a score is made of.

import type { Candidate, ScorePart } from '../api/wire';
import type { BarPart } from '../ui/plots';

export interface SourceTally {
  source: string;
  shown: number;
  found: number;
}

/** Those that gave most places first. */
export function tallySources(candidates: readonly Candidate[]): SourceTally[] {
  const tallies = new Map<string, SourceTally>();
  for (const { source, position } of candidates) {
    const tally = tallies.get(source) ?? { source, shown: 0, found: 0 };
    tallies.set(source, { source, found: tally.found + 1, shown: tally.shown + (position === undefined ? 0 : 1) });
  }
  return [...tallies.values()].sort((a, b) => b.shown - a.shown || b.found - a.found);
}

export function rankDropped(dropped: Readonly<Record<string, number>>): [by: string, n: number][] {
  return Object.entries(dropped).sort(([a, n], [b, m]) => m - n || a.localeCompare(b));
}

/** The rule that a part or a refusal names, `rule:zapatillas`. */
export function ruleIn(name: string): string | null {
  return name.startsWith('rule:') ? name.slice('rule:'.length) : null;
}

/** What lifts a product, against the best score of the list: sources, rules, what a sale is worth. */
export function scoreBar(parts: readonly ScorePart[], best: number): BarPart[] {
  const kindOf = (name: string) => (ruleIn(name) !== null ? 'fill-violet' : name === 'value' ? 'fill-amber' : 'bar-fill');
  const shares = new Map([...new Set(parts.map(({ name }) => kindOf(name)))].map((className) => [className, 0]));
  for (const { name, value } of parts) shares.set(kindOf(name), (shares.get(kindOf(name)) ?? 0) + value);
  return [...shares].map(([className, sum]) => ({ className, share: best > 0 ? Math.max(0, sum / best) : 0 }));
}
