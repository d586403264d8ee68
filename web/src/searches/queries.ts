import type { QueryKind, SearchedFor } from '../api/wire';
import type { BarPart } from '../ui/plots';

/** What the days selector offers; the server keeps 35. */
export const DAYS = ['1', '7', '14', '35'] as const;
export type Days = (typeof DAYS)[number];

export interface QueryRow {
  query: string;
  /** What the list is ordered by. */
  n: number;
  /** How many of these found nothing. */
  inVain: number;
  lastSeen: string;
  parts: BarPart[];
}

/**
 * Rows whose bars share one scale. In vain only what found nothing counts: the server tells the searches of such a list
 * by the days on which something was missing, which is less than all.
 */
export function queryRows(kind: QueryKind, queries: SearchedFor['queries']): QueryRow[] {
  const count = (query: SearchedFor['queries'][number]) => (kind === 'zero' ? query.zero_results : query.searches);
  const most = Math.max(1, ...queries.map(count));
  return queries.map((query) => {
    const n = count(query);
    const inVain = query.zero_results;
    return {
      query: query.query,
      n,
      inVain,
      lastSeen: query.last_seen,
      parts: [
        { share: (n - inVain) / most, className: 'bar-fill' },
        { share: inVain / most, className: 'fill-red' },
      ],
    };
  });
}
