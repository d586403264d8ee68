import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ask, requestOf, rowsOf } from '../../../sdk/js/src/request.js';
import { settingsOf } from '../../../sdk/js/src/settings.js';
import type { Request } from '../../../sdk/js/src/types.js';
import { elementWith, stubBrowser } from './element';

const settings = (attributes: Record<string, string>) => settingsOf(elementWith({ 'anonymous-id': 'cookie-1', ...attributes }));
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

beforeEach(() => stubBrowser());
afterEach(() => vi.unstubAllGlobals());

describe('a placement', () => {
  it('is asked for with what the page shows, and says that it reports what is seen itself', () => {
    const request = requestOf(settings({ src: 'https://api.example', key: 'pk', placement: 'product', 'product-id': 'A1', cart: 'B2', 'user-id': 'ana', n: '8', locale: 'en' }));
    expect(request).toMatchObject({ url: 'https://api.example/v1/recommendations', method: 'POST', headers: { 'X-API-Key': 'pk' } });
    expect(JSON.parse(request.body ?? '')).toEqual({
      placement: 'product',
      user_id: 'ana',
      anonymous_id: 'cookie-1',
      product_ids: ['A1'],
      cart: ['B2'],
      n: 8,
      locale: 'en',
      impression: 'client',
    });
  });

  it('becomes one row under the heading that the shop gave', () => {
    const slate = { placement: 'home', recommendation_id: 'r', items: [{ product_id: 'A1', position: 1, reason: { code: 'popular', text: 'Popular' } }] };
    expect(rowsOf(settings({ heading: 'Para ti' }), slate)).toEqual([{ kind: 'products', title: 'Para ti', ...slate }]);
    expect(rowsOf(settings({}), { ...slate, items: [] })).toEqual([]);
  });
});

describe('a page', () => {
  const rows = ['trending', 'deals'].map((row) => ({ kind: 'products', row, placement: 'home', title: row, recommendation_id: row, items: [{ product_id: 'A1' }] }));

  it('is asked for in its address', () => {
    const { url, method, headers } = requestOf(settings({ page: 'product', 'product-id': 'A/1', cart: 'B2,C3', n: '8' }));
    expect([method, headers]).toEqual(['GET', {}]);
    expect(url).toBe('/v1/pages/product?anonymous_id=cookie-1&locale=es&impression=client&product_id=A%2F1&cart=B2%2CC3');
  });

  it('gives all its rows that have something, or the one that was asked for', () => {
    const answer = { page: 'home', rows: [...rows, { ...rows[0], row: 'empty', items: [] }] };
    expect(rowsOf(settings({ page: 'home' }), answer).map(({ row }) => row)).toEqual(['trending', 'deals']);
    expect(rowsOf(settings({ page: 'home', row: 'deals' }), answer).map(({ row }) => row)).toEqual(['deals']);
    expect(rowsOf(settings({ page: 'home', row: 'gone' }), answer)).toEqual([]);
  });
});

describe('asking', () => {
  const request: Request = { url: '/v1/pages/home?locale=es', method: 'GET', headers: {} };
  const forever = () => new AbortController().signal;

  it('is done once for all who ask the same at the same time, and anew later', async () => {
    const fetch = vi.fn(async () => json({ page: 'home', rows: [] }));
    vi.stubGlobal('fetch', fetch);
    await Promise.all([ask(request, forever()), ask(request, forever())]);
    expect(fetch).toHaveBeenCalledTimes(1);
    await ask(request, forever());
    expect(fetch).toHaveBeenCalledTimes(2);
  });

  it('is given up when nobody waits any more, and not before', async () => {
    let given: AbortSignal | undefined;
    vi.stubGlobal('fetch', (_url: string, init: RequestInit) => {
      given = init.signal ?? undefined;
      return new Promise((_, reject) => given?.addEventListener('abort', () => reject(given?.reason)));
    });
    const [one, two] = [new AbortController(), new AbortController()];
    const asked = [ask(request, one.signal), ask(request, two.signal)];
    one.abort();
    await expect(asked[0]).rejects.toThrow();
    expect(given?.aborted).toBe(false);
    two.abort();
    await expect(asked[1]).rejects.toThrow();
    expect(given?.aborted).toBe(true);
  });

  it('says what the server said', async () => {
    vi.stubGlobal('fetch', async () => json({ detail: 'n must be 1 to 100, got 500' }, 400));
    await expect(ask(request, forever())).rejects.toThrow('/v1/pages/home answered 400: n must be 1 to 100, got 500');
    vi.stubGlobal('fetch', async () => new Response('<html>'));
    await expect(ask(request, forever())).rejects.toThrow('is `src` the origin of a Vitrina server?');
  });
});
