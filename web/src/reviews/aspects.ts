import type { CommittedEvent, ProductReviews } from '../api/wire';

export const ASPECTS = ['price', 'delivery', 'quality', 'size'] as const;

type Aspect = ProductReviews['aspects'][number];

/** What shoppers may speak of, whether they do or not, in one order; what a newer server reads comes last. */
export function allAspects(spoken: readonly Aspect[]): Aspect[] {
  const known: readonly string[] = ASPECTS;
  const silent = (aspect: string): Aspect => ({ aspect, share_positive: 0, n: 0 });
  return [
    ...ASPECTS.map((name) => spoken.find((one) => one.aspect === name) ?? silent(name)),
    ...spoken.filter((one) => !known.includes(one.aspect)),
  ];
}

const OPINIONS: readonly string[] = ['product_reviewed', 'product_rated'];

/** Products that the events at hand rate or review, newest first. */
export function recentlyReviewed(events: readonly CommittedEvent[], n: number): { product_id: string; name: string | null }[] {
  const products = events.filter((event) => OPINIONS.includes(event.kind)).flatMap((event) => event.products ?? []);
  const byId = new Map(products.map(({ product_id, name }) => [product_id, { product_id, name: name ?? null }]));
  return [...byId.values()].slice(0, n);
}

/** How much better than guessing by the share of positive reviews, 0 to 1. */
export function gain(logLoss: number, baseLogLoss: number): number {
  return baseLogLoss > 0 ? Math.max(0, 1 - logLoss / baseLogLoss) : 0;
}
