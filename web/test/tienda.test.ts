import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { address, readAddress } from '../tienda/address';
import { totalsOf } from '../tienda/cart';
import { parseMoney, show, times, write, type Money } from '../tienda/money';
import { DICTIONARIES } from '../tienda/words';

const soles = (minor: number): Money => ({ minor, currency: 'PEN', digits: 2 });

describe('the address', () => {
  it('is read as it is written', () => {
    expect(readAddress(address.home)).toEqual({ page: 'home' });
    expect(readAddress('')).toEqual({ page: 'home' });
    expect(readAddress(address.product('A/1 ñ'))).toEqual({ page: 'product', id: 'A/1 ñ' });
    expect(readAddress(address.category('Ropa de cama'))).toEqual({ page: 'category', name: 'Ropa de cama' });
    expect(readAddress(address.search('50% menos'))).toEqual({ page: 'search', q: '50% menos' });
    expect(readAddress(address.order('T-1'))).toEqual({ page: 'order', id: 'T-1' });
  });

  it('may be of nothing, or cut short', () => {
    for (const hash of ['#/producto/', '#/nada']) expect(readAddress(hash)).toEqual({ page: 'unknown' });
    expect(readAddress('#/buscar/50%')).toEqual({ page: 'search', q: '50%' });
  });
});

describe('money', () => {
  it('is read from the API and written back exactly', () => {
    expect(parseMoney('1990.50 PEN')).toEqual(soles(199_050));
    expect(parseMoney('1500 CLP')).toEqual({ minor: 1500, currency: 'CLP', digits: 0 });
    expect(parseMoney('S/ 10.00')).toBeNull();
    for (const text of ['0.07 PEN', '1990.50 PEN', '1500 CLP', '1.234 KWD']) expect(write(parseMoney(text) ?? soles(0))).toBe(text);
  });

  it('is shown as Peru writes it', () => {
    expect(show(times(soles(61_725), 2)).replace(/\s/g, ' ')).toBe('S/ 1,234.50');
  });
});

describe('the cart', () => {
  const line = (minor: number, quantity: number) => ({ product_id: 'A1', quantity, price: soles(minor) });

  it('adds up, and says how far free shipping is', () => {
    expect(totalsOf([line(1_010, 3), line(500, 1)])).toEqual({
      subtotal: soles(3_530),
      shipping: soles(990),
      total: soles(4_520),
      missing: soles(6_370),
      share: 3_530 / 9_900,
    });
  });

  it('ships for nothing from S/ 99.00 on', () => {
    expect(totalsOf([line(9_900, 1)])).toMatchObject({ shipping: soles(0), total: soles(9_900), missing: null, share: 1 });
    expect(totalsOf([line(9_899, 1)]).missing).toEqual(soles(1));
  });

  it('counts what has no price as nothing', () => {
    expect(totalsOf([{ product_id: 'A1', quantity: 1, price: null }]).subtotal).toEqual(soles(0));
  });
});

describe('telling the API', () => {
  beforeEach(() => {
    vi.stubGlobal('navigator', {});
    vi.stubGlobal('sessionStorage', { getItem: () => null });
    vi.stubGlobal('localStorage', { getItem: () => null, setItem: () => undefined });
  });
  afterEach(() => vi.unstubAllGlobals());

  it('goes on without it, and says what was refused', async () => {
    const { happened } = await import('../tienda/events');
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubGlobal('fetch', async () => Response.json({ rejected: [{ detail: 'no such event' }] }));
    await happened.productViewed('A1');
    expect(warn).toHaveBeenCalledWith('product_viewed was refused: no such event');
    vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('offline')));
    await happened.productViewed('A1');
    expect(warn).toHaveBeenLastCalledWith('product_viewed was not sent: TypeError: offline');
    warn.mockRestore();
  });
});

it('the other language fills in the same values', () => {
  const values = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [key, text] of Object.entries(DICTIONARIES.es)) expect(values(DICTIONARIES.en[key as keyof typeof DICTIONARIES.en]), key).toEqual(values(text));
});
