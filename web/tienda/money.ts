// Whole minor units, never a float: sums must be exact. The server writes `1990.50 PEN` of a product.

import { tag } from './words';

export interface Money {
  minor: number;
  currency: string;
  /** Decimals of the currency. */
  digits: number;
}

export function parseMoney(text: string): Money | null {
  const [, whole, , fraction = '', currency] = /^(\d+)(\.(\d+))? ([A-Z]{3})$/.exec(text) ?? [];
  if (whole === undefined || currency === undefined) return null;
  return { minor: Number(whole + fraction), currency, digits: fraction.length };
}

export function times(money: Money, n: number): Money {
  return { ...money, minor: money.minor * n };
}

/** An amount in the currency of `like`. */
export function major(amount: number, like: Money): Money {
  return { ...like, minor: Math.round(amount * 10 ** like.digits) };
}

/** As the API reads it. */
export function write({ minor, currency, digits }: Money): string {
  return `${(minor / 10 ** digits).toFixed(digits)} ${currency}`;
}

export function show({ minor, currency, digits }: Money): string {
  const format = new Intl.NumberFormat(currency === 'PEN' ? 'es-PE' : tag(), { style: 'currency', currency, currencyDisplay: 'narrowSymbol' });
  return format.format(minor / 10 ** digits);
}
