import type { HistoryEntry, Placement } from '../api/wire';

const CART_MAX = 4;
/** What says whether a product lies in the cart. */
const SETTLING = new Set(['cart', 'uncart', 'purchase']);

/**
 * The products that a placement starts from when the reader chose none: on a product page what the user touched last,
 * in the cart what they put there and did not buy or take out since.
 */
export function contextFromHistory(placement: Placement, history: readonly HistoryEntry[]): string[] {
  if (placement === 'home') return [];
  const newestFirst = [...history].sort((a, b) => Date.parse(b.last_at) - Date.parse(a.last_at));
  const ids = [...new Set(newestFirst.map((entry) => entry.product_id))];
  if (placement === 'product') return ids.slice(0, 1);
  const latest = new Map<string, string>();
  for (const entry of newestFirst) {
    const type = entry.interaction_type;
    if (type !== null && SETTLING.has(type) && !latest.has(entry.product_id)) latest.set(entry.product_id, type);
  }
  const inCart = ids.filter((id) => latest.get(id) === 'cart');
  return (inCart.length > 0 ? inCart : ids.slice(0, 1)).slice(0, CART_MAX);
}
