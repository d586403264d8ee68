import { useCallback } from 'react';

import { getProduct } from './client';
import { useAnswer } from './use-answer';

const NONE: ReadonlyMap<string, string> = new Map();

/** Names of products, as far as the catalogue has them. */
export function useNames(ids: readonly string[]): ReadonlyMap<string, string> {
  const wanted = [...new Set(ids)].join('\n');
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const products = await Promise.all(wanted.split('\n').map((id) => (id ? getProduct(id, signal) : null)));
      return new Map(products.flatMap((product) => (product ? [[product.product_id, product.name] as const] : [])));
    },
    [wanted],
  );
  return useAnswer(ask).answer ?? NONE;
}
