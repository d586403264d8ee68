import { describe, expect, it } from 'vitest';

import type { CommittedEvent, Content } from '../src/api/wire';
import { askedFirst, hintTone, rankTotals, rowsShown } from '../src/catalog/hints';
import { formatFor } from '../src/format';
import { wordsFor } from '../src/i18n/i18n';
import { pageAddress, readDetail, readPage } from '../src/pages';
import { readAddress } from '../src/preview/address';
import { allAspects, gain, recentlyReviewed } from '../src/reviews/aspects';
import { queryRows } from '../src/searches/queries';
import { contentState } from '../src/status/content';
import { layBar } from '../src/ui/plots';

const plain = (text: string) => text.replaceAll(/[\u00a0\u202f]/g, ' ');

describe('the page in the address', () => {
  it('comes back as it was written, with its details', () => {
    const address = pageAddress('catalog', { hint: 'title_cut' });
    expect(address).toBe('#page=catalog&hint=title_cut');
    expect(readPage(address)).toBe('catalog');
    expect(readDetail(address, 'hint')).toBe('title_cut');
  });

  it('keeps ids of products whatever is in them', () => {
    const address = pageAddress('reviews', { product: 'a&b=c #1' });
    expect(readDetail(address, 'product')).toBe('a&b=c #1');
    expect(readPage(address)).toBe('reviews');
  });

  it('leaves out what is not chosen', () => {
    expect(pageAddress('catalog', { hint: null })).toBe('#page=catalog');
  });

  it('is the shop where it names none or one that is unknown, and the user stays', () => {
    expect(readPage('')).toBe('shop');
    expect(readPage('#page=moon')).toBe('shop');
    expect(readPage('#user=~3fa9&placement=cart')).toBe('shop');
    expect(readAddress('#user=~3fa9&placement=cart')?.user).toBe('~3fa9');
  });
});

describe('the hints of the catalogue', () => {
  it('stand most frequent first, with their share of all products', () => {
    expect(rankTotals({ title_cut: 1, missing_brand: 3, missing_price: 0 }, 4)).toEqual([
      { code: 'missing_brand', n: 3, share: 0.75 },
      { code: 'title_cut', n: 1, share: 0.25 },
      { code: 'missing_price', n: 0, share: 0 },
    ]);
  });

  it('survive an empty catalogue and a newer server', () => {
    expect(rankTotals({ blurry_image: 0 }, 0)).toEqual([{ code: 'blurry_image', n: 0, share: 0 }]);
    expect(hintTone('blurry_image')).toBe('gray');
    expect(wordsFor('es', 'America/Lima').word('hint', 'blurry_image')).toBe('blurry image');
  });

  it('show first what was asked for', () => {
    const hints = ['missing_brand', 'title_cut', 'missing_price'].map((code) => ({ code }));
    expect(askedFirst(hints, 'title_cut').map((hint) => hint.code)).toEqual(['title_cut', 'missing_brand', 'missing_price']);
    expect(askedFirst(hints, null)).toEqual(hints);
  });

  it('say which rows a page shows', () => {
    expect(rowsShown(0, 25, 25)).toEqual({ from: 1, to: 25 });
    expect(rowsShown(2, 25, 7)).toEqual({ from: 51, to: 57 });
    expect(rowsShown(1, 25, 0)).toBeNull();
  });
});

describe('the lists of searches', () => {
  const asked = (query: string, searches: number, zero_results: number) => ({ query, searches, zero_results, last_seen: '2026-07-28' });
  const widths = (kind: 'zero' | 'top', queries: ReturnType<typeof asked>[]) =>
    queryRows(kind, queries).map((row) => row.parts.map((part) => part.share));

  it('draw what was found and what was not on one scale', () => {
    expect(widths('top', [asked('olla', 10, 0), asked('drone', 5, 4)])).toEqual([
      [1, 0],
      [0.1, 0.4],
    ]);
  });

  it('count in vain only what found nothing', () => {
    const [row] = queryRows('zero', [asked('drone', 5, 4)]);
    expect(row).toMatchObject({ n: 4, inVain: 4 });
    expect(widths('zero', [asked('drone', 5, 4), asked('kindle', 9, 2)])).toEqual([
      [0, 1],
      [0, 0.5],
    ]);
  });

  it('may be empty', () => {
    expect(queryRows('zero', [])).toEqual([]);
  });

  it('tell what privacy withholds, and from how many people on it is told', () => {
    const [es, en] = [wordsFor('es', 'America/Lima'), wordsFor('en', 'America/Lima')];
    expect(es.count('queries.withheld', 1, { min: 3 })).toContain('1 búsqueda más: la hicieron menos de 3 personas');
    expect(es.count('queries.withheld', 12, { min: 3 })).toContain('12 búsquedas más: menos de 3 personas');
    expect(en.count('queries.withheld', 12, { min: 3 })).toContain('12 more searches are not shown: fewer than 3 people');
  });
});

describe('bars', () => {
  const bar = (...shares: number[]) => layBar(shares.map((share, i) => ({ share, className: `${i}` }))).map(({ x, width }) => [x, width]);

  it('lay their parts after one another', () => {
    expect(bar(0.25, 0.5)).toEqual([
      [0, 25],
      [25, 50],
    ]);
  });

  it('show a little of what is not nothing, and nothing of nothing', () => {
    expect(bar(0.0001)).toEqual([[0, 1]]);
    expect(bar(0)).toEqual([[0, 0]]);
  });

  it('never leave their track', () => {
    expect(bar(0.999, 0.001)).toEqual([
      [0, 99.9],
      [99.9, expect.closeTo(0.1) as number],
    ]);
    expect(bar(2)).toEqual([[0, 100]]);
  });
});

describe('what reviews say', () => {
  it('names every aspect in one order, spoken of or not, and those of a newer server last', () => {
    const aspects = allAspects([
      { aspect: 'smell', share_positive: 1, n: 1 },
      { aspect: 'size', share_positive: 0.5, n: 2 },
    ]);
    expect(aspects.map(({ aspect, n }) => [aspect, n])).toEqual([
      ['price', 0],
      ['delivery', 0],
      ['quality', 0],
      ['size', 2],
      ['smell', 1],
    ]);
  });

  it('offers the products that were reviewed last, each once', () => {
    const event = (position: number, kind: string, product_id: string): CommittedEvent => ({
      position,
      kind,
      user: '~a',
      occurred_at: '2026-07-28T03:00:00Z',
      received_at: '2026-07-28T03:00:00Z',
      channel: 'browser',
      products: [{ product_id }],
    });
    const events = [event(4, 'product_reviewed', 'b'), event(3, 'product_viewed', 'x'), event(2, 'product_rated', 'a'), event(1, 'product_reviewed', 'b')];
    expect(recentlyReviewed(events, 8).map((product) => product.product_id)).toEqual(['b', 'a']);
    expect(recentlyReviewed(events, 1)).toHaveLength(1);
  });

  it('is worth what it knows beyond the share of good reviews', () => {
    expect(gain(0.2, 0.8)).toBeCloseTo(0.75);
    expect(gain(0.9, 0.8)).toBe(0);
    expect(gain(0.1, 0)).toBe(0);
  });
});

describe('the text encoder', () => {
  const content: Content = { products: 10, encoded: 10, encoder: 'e5', problem: null };

  it('has read all, some or is absent', () => {
    expect(contentState(content).state).toBe('encoded');
    expect(contentState({ ...content, encoded: 4 })).toEqual({ state: 'encoding', done: 4, of: 10 });
    expect(contentState({ ...content, encoding: { done: 3, of: 6 } })).toEqual({ state: 'encoding', done: 3, of: 6 });
    expect(contentState({ products: 10, encoded: 0, problem: 'no text model' }).state).toBe('words');
  });

  it('is not at work when it stopped with a problem', () => {
    expect(contentState({ ...content, encoded: 4, problem: 'the disk is full' }).state).toBe('words');
  });

  it('says nothing of an empty catalogue', () => {
    expect(contentState({ products: 0, encoded: 0, problem: null }).state).toBe('none');
  });
});

describe('numbers and days', () => {
  const [es, en] = [formatFor('es', 'America/Lima'), formatFor('en', 'Pacific/Kiritimati')];

  it('a day of the shop is the same day everywhere', () => {
    expect(es.day('2026-07-29')).toMatch(/29.*jul/);
    expect(en.day('2026-07-29')).toBe('Jul 29');
  });

  it('a whole percent is 0 only of nothing and 100 only of everything', () => {
    expect([0, 0.001, 0.5, 0.9999, 1].map((share) => plain(en.wholePercent(share)))).toEqual(['0%', '1%', '50%', '99%', '100%']);
  });
});
