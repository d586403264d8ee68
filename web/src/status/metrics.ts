import type { Metric } from '../api/wire';

export interface MetricRow {
  name: string;
  value: number;
  interval: readonly [number, number] | null;
}

const LOW = /[._:](ci_)?(low|lower)$/;
const HIGH = /[._:](ci_)?(high|upper)$/;

/**
 * The metrics of a model as rows, ends of confidence intervals beside their value. An interval comes either inside the
 * metric (`{value, low, high}`) or as siblings (`ndcg@20_low`, `ndcg@20_high`).
 */
export function metricRows(metrics: Record<string, Metric | null> | undefined): MetricRow[] {
  const entries = Object.entries(metrics ?? {});
  const ends = { low: new Map<string, number>(), high: new Map<string, number>() };
  for (const [name, metric] of entries) {
    if (typeof metric !== 'number') continue;
    if (LOW.test(name)) ends.low.set(name.replace(LOW, ''), metric);
    else if (HIGH.test(name)) ends.high.set(name.replace(HIGH, ''), metric);
  }
  return entries.flatMap(([name, metric]) => {
    if (metric === null || LOW.test(name) || HIGH.test(name)) return [];
    const value = typeof metric === 'number' ? metric : metric.value;
    const low = typeof metric === 'number' ? ends.low.get(name) : metric.low;
    const high = typeof metric === 'number' ? ends.high.get(name) : metric.high;
    return [{ name, value, interval: low !== undefined && high !== undefined ? ([low, high] as const) : null }];
  });
}

const HEADLINES = ['ndcg@20', 'ndcg@10', 'ndcg', 'recall@20', 'recall@10'];

/** The metric to show first: the ranking quality that the models are chosen by. */
export function headline(rows: readonly MetricRow[]): MetricRow | null {
  for (const name of HEADLINES) {
    const row = rows.find((candidate) => candidate.name.toLowerCase() === name);
    if (row) return row;
  }
  return rows[0] ?? null;
}
