import { make } from '../../../sdk/js/src/dom.js';
import { search } from '../api';
import { carousel, grid, message } from '../parts';
import { t } from '../words';

export async function searchPage({ q }: { q: string }): Promise<HTMLElement> {
  const results = await search(q);
  if (results.items.length === 0) return message(t('noResults', { q }), carousel({ placement: 'home', heading: t('maybe') }));
  const corrections = results.corrected.map(({ from, to }) => make('p', { class: 'muted' }, t('corrected', { from, to })));
  const unknown = results.unknown.length > 0 ? make('p', { class: 'muted' }, t('unknownWords', { words: results.unknown.join(' ') })) : null;
  return make('div', {}, make('h1', {}, t('results', { n: results.total, q })), ...corrections, unknown, grid(results));
}
