import type { Money } from '../api/wire';

/** How much lower the price is than the list price, as a share; null where either is unknown or it is not lower. */
export function discount(price: Money | null | undefined, listPrice: Money | null | undefined): number | null {
  if (!price || !listPrice || typeof price === 'string' || typeof listPrice === 'string') return null;
  if (price.currency !== listPrice.currency || price.minor >= listPrice.minor) return null;
  return 1 - price.minor / listPrice.minor;
}
