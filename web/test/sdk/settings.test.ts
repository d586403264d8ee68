import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { forget } from '../../../sdk/js/src/identity.js';
import { settingsOf } from '../../../sdk/js/src/settings.js';
import { elementWith, stubBrowser } from './element';

const KEY = 'vitrina.anonymous_id';

beforeEach(() => {
  stubBrowser();
  forget();
});
afterEach(() => vi.unstubAllGlobals());

describe('attributes', () => {
  it('have defaults', () => {
    expect(settingsOf(elementWith({}))).toMatchObject({ origin: '', key: null, page: null, placement: 'home', productIds: [], cart: [], n: null, locale: 'es', timeoutMs: 1500, isTracked: true });
  });

  it('are read leniently', () => {
    const settings = settingsOf(elementWith({ src: 'https://api.example/ ', cart: ' A1, ,B2', 'product-id': 'C3', n: '0', 'timeout-ms': 'soon', locale: 'EN-us' }));
    expect(settings).toMatchObject({ origin: 'https://api.example', cart: ['A1', 'B2'], productIds: ['C3'], n: null, timeoutMs: 1500, locale: 'en' });
  });

  it('follow the language of the page', () => {
    expect(settingsOf(elementWith({}, 'en')).locale).toBe('en');
    expect(settingsOf(elementWith({ locale: 'es' }, 'en')).locale).toBe('es');
    expect(settingsOf(elementWith({}, 'qu')).locale).toBe('es');
  });
});

describe('the visitor', () => {
  it('keeps one random id', () => {
    const { who } = settingsOf(elementWith({}));
    expect(who.anonymous_id).toMatch(/^[0-9a-f]{32}$/);
    expect(localStorage.getItem(KEY)).toBe(who.anonymous_id);
    expect(settingsOf(elementWith({})).who).toEqual(who);
  });

  it('keeps its id beside the user who logged in, for what was browsed before counts too', () => {
    expect(settingsOf(elementWith({ 'user-id': 'ana', 'anonymous-id': 'cookie-1' })).who).toEqual({ user_id: 'ana', anonymous_id: 'cookie-1' });
    expect(localStorage.getItem(KEY)).toBeNull();
  });

  it('has an id for as long as the page where storage is refused', () => {
    vi.stubGlobal('localStorage', {
      getItem: () => {
        throw new DOMException('denied', 'SecurityError');
      },
    });
    const { who } = settingsOf(elementWith({}));
    expect(who.anonymous_id).toMatch(/^[0-9a-f]{32}$/);
    expect(settingsOf(elementWith({})).who).toEqual(who);
  });

  for (const [how, attributes, gpc] of [
    ['the shop says so', { 'no-tracking': '' }, false],
    ['consent was denied', { consent: 'denied' }, false],
    ['the browser says so', {}, true],
  ] as const) {
    it(`is nobody, and what was kept is removed, where ${how}`, () => {
      stubBrowser({ [KEY]: 'old' }, gpc);
      const settings = settingsOf(elementWith({ 'user-id': 'ana', 'anonymous-id': 'cookie-1', ...attributes }));
      expect(settings).toMatchObject({ isTracked: false, who: {} });
      expect(localStorage.getItem(KEY)).toBeNull();
    });
  }
});
