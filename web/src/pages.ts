import { useEffect, useState } from 'react';

export const PAGES = ['shop', 'rules', 'catalog', 'searches', 'reviews'] as const;
export type PageName = (typeof PAGES)[number];

/** The page in the address, `#page=catalog&hint=title_cut`. Whatever names none is the shop. */
export function readPage(hash: string): PageName {
  const name = new URLSearchParams(hash.replace(/^#/, '')).get('page');
  return PAGES.find((page) => page === name) ?? 'shop';
}

/** What a page keeps in the address beside its name, such as a filter. */
export function readDetail(hash: string, name: string): string | null {
  return new URLSearchParams(hash.replace(/^#/, '')).get(name);
}

export function pageAddress(page: PageName, details: Record<string, string | null> = {}): string {
  const parameters = new URLSearchParams({ page });
  for (const [name, value] of Object.entries(details)) if (value !== null) parameters.set(name, value);
  return `#${parameters.toString()}`;
}

/** Writes without a step of the browser's history: a filter is not a place to go back to. */
export function keepInAddress(page: PageName, details: Record<string, string | null>): void {
  history.replaceState(null, '', pageAddress(page, details));
}

/** The page, and how many addresses were gone to: the same page at another address starts anew. */
export function usePage(): { page: PageName; visit: number } {
  const [place, setPlace] = useState(() => ({ page: readPage(location.hash), visit: 0 }));
  useEffect(() => {
    const read = () => setPlace(({ visit }) => ({ page: readPage(location.hash), visit: visit + 1 }));
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  useEffect(() => {
    // Newer browsers answer with a promise, which is no way to clean up.
    scrollTo(0, 0);
  }, [place.page]);
  return place;
}
