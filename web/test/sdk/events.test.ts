import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { discountPercent } from '../../../sdk/js/src/discount.js';
import { clickOf, impressionsOf, send } from '../../../sdk/js/src/events.js';
import { settingsOf } from '../../../sdk/js/src/settings.js';
import type { Row } from '../../../sdk/js/src/types.js';
import { elementWith, stubBrowser } from './element';

const settings = (attributes: Record<string, string> = {}) => settingsOf(elementWith({ 'anonymous-id': 'cookie-1', ...attributes }));
const items = ['A1', 'B2'].map((product_id, i) => ({ product_id, position: i + 1, reason: { code: 'popular', text: 'Popular' } }));
const slate: Row = { kind: 'products', placement: 'home', recommendation_id: 'r1', items };
const banners: Row = { kind: 'content', placement: 'home', recommendation_id: 'r2', items: [{ content_id: 'verano', title: 'Verano' }] };

beforeEach(() => stubBrowser());
afterEach(() => vi.unstubAllGlobals());

describe('what was seen', () => {
  it('is one event a slate, under the id that the server would give it', () => {
    expect(impressionsOf(slate, settings())).toEqual([
      {
        event: 'impression',
        message_id: 'impression-r1',
        anonymous_id: 'cookie-1',
        placement: 'home',
        recommendation_id: 'r1',
        products: [
          { product_id: 'A1', position: 1 },
          { product_id: 'B2', position: 2 },
        ],
      },
    ]);
  });

  it('is one event a banner', () => {
    expect(impressionsOf(banners, settings({ 'user-id': 'ana' }))).toEqual([
      { event: 'promotion_viewed', message_id: 'impression-r2-1', user_id: 'ana', anonymous_id: 'cookie-1', placement: 'home', recommendation_id: 'r2', promotion_id: 'verano' },
    ]);
  });

  it('says that consent was given where the shop says so', () => {
    expect(impressionsOf(slate, settings({ consent: 'granted' }))).toMatchObject([{ consent: { personalization: 'granted' } }]);
  });
});

describe('what was clicked', () => {
  it('names the slate and the place', () => {
    const click = clickOf({ recommendation_id: 'r1', placement: 'home', position: 2, product_id: 'B2', link: '/b2' }, settings());
    expect(click).toMatchObject({ event: 'product_clicked', recommendation_id: 'r1', placement: 'home', product_id: 'B2', position: 2, message_id: expect.stringMatching(/^click-[0-9a-f]{32}$/) });
  });

  it('may be a banner', () => {
    expect(clickOf({ recommendation_id: 'r2', placement: 'home', position: 1, content_id: 'verano' }, settings())).toMatchObject({ event: 'promotion_clicked', promotion_id: 'verano' });
  });
});

describe('reports', () => {
  it('outlive the page, and their failure is nobody’s business', () => {
    const fetch = vi.fn(async (_url: string, _init: RequestInit) => Promise.reject(new TypeError('offline')));
    vi.stubGlobal('fetch', fetch);
    send(impressionsOf(slate, settings()), settings({ src: 'https://api.example', key: 'pk' }));
    expect(fetch.mock.calls[0]?.[0]).toBe('https://api.example/v1/events');
    expect(fetch.mock.calls[0]?.[1]).toMatchObject({ method: 'POST', keepalive: true, credentials: 'omit', headers: { 'X-API-Key': 'pk' } });
  });

  it('are not sent of who does not want it', () => {
    const fetch = vi.fn();
    vi.stubGlobal('fetch', fetch);
    send(impressionsOf(slate, settings()), settings({ 'no-tracking': '' }));
    expect(fetch).not.toHaveBeenCalled();
  });
});

it('a discount is told where both prices are known and one is lower', () => {
  expect(discountPercent('S/ 1,200.00', 'S/ 1,600.00')).toBe(25);
  expect(discountPercent('S/ 10.00', 'S/ 10.00')).toBe(0);
  expect(discountPercent('S/ 10.00', '£12.00')).toBe(0);
  expect(discountPercent(undefined, 'S/ 12.00')).toBe(0);
});
