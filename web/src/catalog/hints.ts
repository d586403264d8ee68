// The server's hints on products: how each looks, and in which order they stand.

import type { ProductHint } from '../api/wire';

/** By code; the tone says how much a shopper suffers from it, and the words say it again. */
export const HINTS = {
  missing_price: 'red',
  missing_image: 'red',
  wrong_category: 'violet',
  missing_category: 'amber',
  missing_brand: 'blue',
  missing_description: 'blue',
  title_cut: 'amber',
  duplicate_listing: 'pink',
} as const;

export function hintTone(code: string): string {
  return (HINTS as Record<string, string | undefined>)[code] ?? 'gray';
}

export interface HintTotal {
  code: string;
  n: number;
  /** Of all products. */
  share: number;
}

/** Most frequent first; those that a newer server counts are there too. */
export function rankTotals(totals: Readonly<Record<string, number>>, products: number): HintTotal[] {
  const ranked = Object.entries(totals).map(([code, n]) => ({ code, n, share: products > 0 ? n / products : 0 }));
  return ranked.sort((a, b) => b.n - a.n || a.code.localeCompare(b.code));
}

/** The hint that was asked for first, the others as they came. */
export function askedFirst(hints: readonly ProductHint[], asked: string | null): ProductHint[] {
  return [...hints.filter((hint) => hint.code === asked), ...hints.filter((hint) => hint.code !== asked)];
}

/** Which rows a page shows, counted from one; null when it shows none. */
export function rowsShown(pagesBefore: number, pageLength: number, rows: number): { from: number; to: number } | null {
  if (rows === 0) return null;
  const from = pagesBefore * pageLength + 1;
  return { from, to: from + rows - 1 };
}
