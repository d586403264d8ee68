import { describe, expect, it } from 'vitest';

import { formatFor, NOTHING, productName, shortUser } from '../src/format';

const plain = (text: string) => text.replaceAll(/[\u00a0\u202f]/g, ' ');
const es = formatFor('es', 'America/Lima');
const en = formatFor('en', 'America/Lima');

describe('money', () => {
  it('comes formatted from the server when it can', () => {
    expect(es.money('S/ 12.00')).toBe('S/ 12.00');
    expect(es.money({ minor: 1200, currency: 'PEN', formatted: 'S/ 12.00' })).toBe('S/ 12.00');
  });

  it('is written as Peru writes it otherwise', () => {
    expect(plain(es.money({ minor: 123_456_750, currency: 'PEN' }))).toBe('S/ 1,234,567.50');
  });

  it('has the decimals of its currency', () => {
    expect(plain(en.money({ minor: 1990, currency: 'CLP' }))).toBe('CLP 1,990');
    expect(plain(en.money({ minor: 1990, currency: 'USD' }))).toBe('$19.90');
  });

  it('says when there is none', () => {
    expect(es.money(null)).toBe(NOTHING);
    expect(es.money(undefined)).toBe(NOTHING);
  });
});

describe('times', () => {
  const now = new Date('2026-07-28T03:00:00Z');

  it('are on the clock of the shop', () => {
    expect(es.clock('2026-07-28T02:59:58Z', now)).toBe('21:59:58');
    expect(formatFor('es', 'America/Santiago').clock('2026-07-28T02:59:58Z', now)).toBe('22:59:58');
  });

  it('say their day when it is not today in the shop', () => {
    // In Lima it is still the 27th: five in the morning of the 28th in UTC is tomorrow there.
    expect(es.clock('2026-07-27T04:59:00Z', now)).toMatch(/26.*jul/);
    expect(es.clock('2011-12-09T12:50:00Z', now)).toMatch(/9.*dic.*2011/);
  });

  it('count back in the largest unit', () => {
    expect(es.ago('2026-07-28T03:00:00.400Z', now)).toBe('ahora');
    expect(en.ago('2026-07-28T02:59:59.900Z', now)).toBe('now');
    expect(es.ago('2026-07-28T02:59:55Z', now)).toBe('hace 5 s');
    expect(es.ago('2026-07-28T00:30:00Z', now)).toBe('hace 2 h');
    expect(en.secondsAgo(3 * 86_400)).toBe('3d ago');
  });

  it('survive nonsense', () => {
    expect(es.clock('soon', now)).toBe(NOTHING);
    expect(formatFor('es', 'Mars/Olympus').clock('2026-07-28T02:59:58Z', now)).toBe('02:59:58');
  });
});

it('numbers follow the language', () => {
  expect(es.integer(1_284_311)).toBe('1,284,311');
  expect(es.decimal(0.24134)).toBe('0.241');
  expect(plain(es.percent(0.0421))).toMatch(/^4\.2 ?%$/);
});

it('pseudonyms are shortened, plain ids are not', () => {
  expect(shortUser('~3fa9c1d200112233445566778899aabb')).toBe('~3fa9c1…');
  expect(shortUser('cliente-12')).toBe('cliente-12');
});

it('a product without a name shows its id', () => {
  expect(productName('  ', 'p-1')).toBe('p-1');
  expect(productName('Olla', 'p-1')).toBe('Olla');
});
