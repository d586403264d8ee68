import { describe, expect, it } from 'vitest';

import type { HistoryEntry } from '../src/api/wire';
import { wordsFor } from '../src/i18n/i18n';
import { addressOf, readAddress } from '../src/preview/address';
import { contextFromHistory } from '../src/preview/context';
import { discount } from '../src/preview/discount';
import { bars, byStrength } from '../src/preview/parts';
import { reasonText } from '../src/preview/reason';
import { readMetrics } from '../src/status/metrics';
import { sparkPath } from '../src/status/sparkline';

const entry = (product_id: string, interaction_type: string, minute: number): HistoryEntry => ({
  product_id,
  interaction_type,
  count: 1,
  last_at: new Date(Date.UTC(2026, 6, 28, 10, minute)).toISOString(),
});

describe('the products a placement starts from', () => {
  const history = [entry('a', 'view', 1), entry('b', 'cart', 2), entry('c', 'cart', 3), entry('c', 'purchase', 4), entry('d', 'view', 5)];

  it('are none at home and the last one touched on a product page', () => {
    expect(contextFromHistory('home', history)).toEqual([]);
    expect(contextFromHistory('product', history)).toEqual(['d']);
    expect(contextFromHistory('product', [])).toEqual([]);
  });

  it('are in the cart what was put there and not bought since', () => {
    expect(contextFromHistory('cart', history)).toEqual(['b']);
    expect(contextFromHistory('cart', [...history, entry('b', 'uncart', 6)])).toEqual(['b']);
    expect(contextFromHistory('cart', [...history, entry('b', 'uncart', 6), entry('e', 'cart', 7)])).toEqual(['e']);
  });
});

describe('the parts of a score', () => {
  it('share one zero line', () => {
    const { zero, bars: drawn } = bars([
      { name: 'ials', value: 3 },
      { name: 'price', value: -1 },
    ]);
    expect(zero).toBe(25);
    expect(drawn).toEqual([
      { x: 25, width: 75 },
      { x: 0, width: 25 },
    ]);
  });

  it('survive zeros', () => {
    expect(bars([{ name: 'ials', value: 0 }]).bars).toEqual([{ x: 0, width: 0 }]);
  });

  it('stand strongest first', () => {
    expect(byStrength([{ name: 'a', value: 0.1 }, { name: 'b', value: -0.5 }]).map((part) => part.name)).toEqual(['b', 'a']);
  });
});

describe('the reason', () => {
  const es = wordsFor('es', 'America/Lima');
  const en = wordsFor('en', 'America/Lima');

  it('is the sentence of the server in the language of the reader', () => {
    const reason = { code: 'because_you_viewed', text_es: 'Porque viste Olla', text_en: 'Because you viewed Olla' };
    expect(reasonText(reason, es)).toBe('Porque viste Olla');
    expect(reasonText(reason, en)).toBe('Because you viewed Olla');
  });

  it('is built from the code where the server sent none', () => {
    expect(reasonText({ code: 'similar_to', seed_product_id: 'p-1', seed_product_name: 'Olla' }, es)).toBe('Va con Olla');
    expect(reasonText({ code: 'popular_in_category', category: 'Cocina' }, en)).toBe('Popular in Cocina');
  });
});

it('a discount needs two prices in one currency, the lower one first', () => {
  const pen = (minor: number) => ({ minor, currency: 'PEN' });
  expect(discount(pen(800), pen(1000))).toBeCloseTo(0.2);
  expect(discount(pen(1000), pen(1000))).toBeNull();
  expect(discount(pen(800), { minor: 1000, currency: 'USD' })).toBeNull();
  expect(discount('S/ 800.00', 'S/ 1,000.00')).toBeCloseTo(0.2);
  expect(discount('S/ 8.00', '£10.00')).toBeNull();
  expect(discount('S/ 8.00', pen(1000))).toBeNull();
  expect(discount(pen(800), null)).toBeNull();
});

describe('the address', () => {
  it('keeps the pseudonym and the placement', () => {
    const subject = { user: '~3fa9', placement: 'cart', context: null } as const;
    expect(readAddress(addressOf(subject))).toEqual(subject);
  });

  it('never keeps a plain user id', () => {
    expect(addressOf({ user: 'ana@example.com', placement: 'home', context: null })).toBe('');
  });

  it('falls back to home', () => {
    expect(readAddress('#user=~a&placement=moon')?.placement).toBe('home');
    expect(readAddress('')).toBeNull();
  });
});

describe('the metrics of a model', () => {
  const metrics = readMetrics({
    'ndcg@10': 0.2,
    'ndcg@20': 0.24,
    'ndcg@20_high': 0.25,
    'ndcg@20_low': 0.23,
    'recall@20': 0.3,
    'ials/ndcg@20': 0.22,
    'popular/ndcg@20': 0.1,
    'popular/recall@20': 0.15,
  });

  it('begin with the one that models are chosen by, with its interval', () => {
    expect(metrics.headline).toEqual({ name: 'ndcg@20', value: 0.24, interval: [0.23, 0.25] });
  });

  it('stand in a table by cut-off', () => {
    expect(metrics.ks).toEqual([10, 20]);
    expect(metrics.rows).toEqual([
      { name: 'ndcg', values: [0.2, 0.24] },
      { name: 'recall', values: [null, 0.3] },
    ]);
  });

  it('name the rivals, best first', () => {
    expect(metrics.rivals).toEqual([
      { model: 'ials', value: 0.22 },
      { model: 'popular', value: 0.1 },
    ]);
  });

  it('may carry the interval inside, or be none', () => {
    expect(readMetrics({ 'ndcg@20': { value: 0.2, low: 0.1, high: 0.3 } }).headline?.interval).toEqual([0.1, 0.3]);
    expect(readMetrics(undefined).headline).toBeNull();
    expect(readMetrics({ coverage: null }).headline).toBeNull();
  });
});

it('the sparkline ends at the right edge and its highest sample touches the top', () => {
  expect(sparkPath([0, 2, 1], 3)).toBe('M1.0 27.0L60.0 1.0L119.0 14.0');
  expect(sparkPath([0, 0], 2)).toBe('M1.0 27.0L119.0 27.0');
});
