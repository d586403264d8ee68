import type { Metric } from '../api/wire';

/** The ranking quality that models are chosen by. */
export const GATE_METRIC = 'ndcg@20';

export interface Headline {
  name: string;
  value: number;
  interval: readonly [number, number] | null;
}

export interface ModelMetrics {
  headline: Headline | null;
  /** Cut-offs in rising order, and one row a metric with its value at each. */
  ks: readonly number[];
  rows: readonly { name: string; values: readonly (number | null)[] }[];
  /** The other models on the headline's metric, best first. */
  rivals: readonly { model: string; value: number }[];
}

/**
 * Sorts out the flat metrics of a model: its own (`ndcg@20`), the ends of the headline's confidence interval
 * (`ndcg@20_low`, `ndcg@20_high`, or inside the metric) and those of its rivals (`popular/ndcg@20`).
 */
export function readMetrics(metrics: Record<string, Metric | null> | undefined): ModelMetrics {
  const values = new Map<string, number>();
  const own: { name: string; k: number; value: number }[] = [];
  for (const [key, metric] of Object.entries(metrics ?? {})) {
    if (metric === null) continue;
    const value = typeof metric === 'number' ? metric : metric.value;
    values.set(key, value);
    if (typeof metric !== 'number') {
      if (metric.low !== undefined) values.set(`${key}_low`, metric.low);
      if (metric.high !== undefined) values.set(`${key}_high`, metric.high);
    }
    const [, name, k] = /^([\w-]+)@(\d+)$/.exec(key) ?? [];
    if (name && k) own.push({ name, k: Number(k), value });
  }
  const ks = [...new Set(own.map(({ k }) => k))].sort((a, b) => a - b);
  const rows = [...new Set(own.map(({ name }) => name))].map((name) => ({
    name,
    values: ks.map((k) => values.get(`${name}@${k}`) ?? null),
  }));
  const headline = headlineOf(values, own.map(({ name, k }) => `${name}@${k}`));
  const rivals = [...values].flatMap(([key, value]) => {
    const [model, metric] = key.split('/');
    return model && metric && metric === headline?.name ? [{ model, value }] : [];
  });
  return { headline, ks, rows, rivals: rivals.sort((a, b) => b.value - a.value) };
}

function headlineOf(values: ReadonlyMap<string, number>, own: readonly string[]): Headline | null {
  const name = own.includes(GATE_METRIC) ? GATE_METRIC : (own.find((key) => key.startsWith('ndcg')) ?? own[0]);
  const value = name === undefined ? undefined : values.get(name);
  if (name === undefined || value === undefined) return null;
  const [low, high] = [values.get(`${name}_low`), values.get(`${name}_high`)];
  return { name, value, interval: low !== undefined && high !== undefined ? [low, high] : null };
}
