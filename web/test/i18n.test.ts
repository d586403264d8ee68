import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { HINTS } from '../src/catalog/hints';
import { fill, LANGUAGES, type Key } from '../src/i18n/dictionary';
import { DICTIONARIES, wordsFor } from '../src/i18n/i18n';
import { es } from '../src/i18n/es';
import { INTERACTIONS, KINDS } from '../src/live/kinds';
import { PAGES } from '../src/pages';
import { ASPECTS } from '../src/reviews/aspects';
import { KINDS as KINDS_OF_RULES } from '../src/rules/fields';
import { OCCASIONS } from '../src/rules/sentence';

const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe.each(LANGUAGES)('the dictionary of %s', (language) => {
  const dictionary = DICTIONARIES[language];

  it('has every key and no other', () => {
    expect(Object.keys(dictionary).sort()).toEqual(Object.keys(es).sort());
  });

  it('leaves no text empty', () => {
    expect(Object.entries(dictionary).filter(([, text]) => text.trim() === '')).toEqual([]);
  });

  it('fills in the same values as Spanish', () => {
    for (const key of Object.keys(es) as Key[]) {
      expect([key, placeholders(dictionary[key])]).toEqual([key, placeholders(es[key])]);
    }
  });

  it('has both forms of each plural', () => {
    const keys = Object.keys(dictionary);
    const stems = (form: string) => keys.filter((key) => key.endsWith(form)).map((key) => key.slice(0, -form.length));
    expect(stems('.one')).toEqual(stems('.other'));
  });

  it.each([
    ['kind', Object.keys(KINDS)],
    ['interaction', Object.keys(INTERACTIONS)],
    ['source', ['personal', 'item_to_item', 'bought_together', 'content', 'segment', 'buy_again', 'recently_viewed', 'deals', 'exploration']],
    ['source', ['rule', 'category', 'new_arrivals', 'trending', 'popular', 'catalog', 'search', 'empty']],
    ['notice', ['no_model', 'no_catalog', 'unknown_products', 'short_slate', 'profile_unavailable']],
    ['placement', ['home', 'product', 'cart', 'checkout', 'category', 'search', 'email', 'order-confirmation', 'deals']],
    ['action', [...KINDS_OF_RULES]],
    ['occasion', [...OCCASIONS]],
    ['conflict', ['pin_excluded', 'pinned_twice', 'pins_collide', 'pin_not_shown', 'no_products', 'boost_and_bury', 'partly_excluded', 'always_excluded', 'several_same']],
    ['refusal', ['stock', 'category', 'brand', 'price', 'where', 'plan', 'purchased', 'in_context', 'exclude_list', 'disliked', 'disliked_category']],
    ['refusal', ['fatigue', 'hidden', 'own_product', 'not_in_catalog', 'duplicate_listing', 'variant', 'cap']],
    ['content', ['banner', 'promotion', 'message']],
    ['page', [...PAGES]],
    ['hint', Object.keys(HINTS)],
    ['hint.todo', Object.keys(HINTS)],
    ['aspect', [...ASPECTS]],
    ['reviews.notice', ['reviews_not_read', 'no_sentiment_head', 'sentiment_head_kept', 'no_text_model', 'no_reviews']],
  ])('names every %s of the server', (prefix, codes) => {
    expect(codes.filter((code) => !(`${prefix}.${code}` in dictionary))).toEqual([]);
  });
});

describe('words', () => {
  const words = wordsFor('es', 'America/Lima');

  it('fills values in and leaves unknown ones visible', () => {
    expect(fill('a {x} b {y}', { x: 1 })).toBe('a 1 b {y}');
  });

  it('chooses the plural form', () => {
    expect(words.count('profile.purchases', 1)).toBe('1 compra');
    expect(words.count('profile.purchases', 1200)).toBe('1,200 compras');
  });

  it('shows the raw word of a newer server', () => {
    expect(words.word('kind', 'product_viewed')).toBe('Vio un producto');
    expect(words.word('kind', 'drone_landed')).toBe('drone landed');
  });
});

it('every text of the dictionary is used, so that nobody translates what nobody reads', () => {
  const code = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !/i18n.(es|en)\.ts$/.test(file))
    .map((file) => readFileSync(join('src', file), 'utf8'))
    .join('\n');
  // Keys whose last part is chosen at run time appear as a template or as a prefix handed to `word`.
  const dynamic = ['kind', 'interaction', 'source', 'reason', 'part', 'notice', 'placement', 'theme', 'mark', 'live.state'];
  dynamic.push('action', 'activity', 'actor', 'attribute', 'change', 'conflict', 'content', 'contents', 'form.number', 'occasion', 'refusal', 'segment');
  dynamic.push('page', 'hint', 'aspect', 'queries.zero', 'queries.top', 'reviews.notice', 'reviews.step', 'status.content');
  const isUsed = (key: string) =>
    code.includes(`'${key.replace(/\.(one|other)$/, '')}'`) ||
    dynamic.some((prefix) => key.startsWith(`${prefix}.`)) ||
    ['status.live', 'status.offline', 'status.connecting', 'preview.context.product', 'preview.context.cart', 'queries.zero', 'queries.top'].includes(key);
  expect(Object.keys(es).filter((key) => !isUsed(key))).toEqual([]);
});
