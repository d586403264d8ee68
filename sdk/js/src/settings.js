// The attributes of an element, read once a request.

import { anonymousId, forget, isPrivacyAsked } from './identity.js';

/** @import { Locale, Settings, Who } from './types.js' */

/** A change of any of these asks anew. */
export const ATTRIBUTES = [
  'src',
  'key',
  'page',
  'placement',
  'row',
  'heading',
  'product-id',
  'cart',
  'user-id',
  'anonymous-id',
  'no-tracking',
  'consent',
  'n',
  'locale',
  'timeout-ms',
  'product-url',
  'add-to-cart',
];

const TIMEOUT_MS = 1500;

/**
 * @param {Element} element
 * @returns {Settings}
 */
export function settingsOf(element) {
  /** @param {string} name */
  const text = (name) => element.getAttribute(name)?.trim() || null;
  /** @param {string} name */
  const list = (name) => (text(name) ?? '').split(',').map((id) => id.trim()).filter(Boolean);
  /** @param {string} name */
  const positive = (name) => {
    const number = Number(text(name));
    return Number.isInteger(number) && number > 0 ? number : null;
  };
  const isTracked = !element.hasAttribute('no-tracking') && text('consent') !== 'denied' && !isPrivacyAsked();
  return {
    origin: (text('src') ?? '').replace(/\/+$/, ''),
    key: text('key'),
    page: text('page'),
    placement: text('placement') ?? 'home',
    row: text('row'),
    heading: text('heading'),
    productIds: list('product-id'),
    cart: list('cart'),
    n: positive('n'),
    locale: localeOf(text('locale') ?? element.closest('[lang]')?.getAttribute('lang') ?? ''),
    who: isTracked ? whoIs(text('user-id'), text('anonymous-id')) : nobody(),
    isTracked,
    isConsented: text('consent') === 'granted',
    timeoutMs: positive('timeout-ms') ?? TIMEOUT_MS,
    productUrl: text('product-url'),
    hasAddButton: element.hasAttribute('add-to-cart'),
  };
}

/**
 * @param {string | null} user
 * @param {string | null} anonymous
 * @returns {Who}
 */
function whoIs(user, anonymous) {
  const who = { anonymous_id: anonymous ?? anonymousId() };
  return user ? { user_id: user, ...who } : who;
}

/** @returns {Who} */
function nobody() {
  forget();
  return {};
}

/**
 * @param {string} tag of BCP 47
 * @returns {Locale}
 */
function localeOf(tag) {
  return tag.toLowerCase().startsWith('en') ? 'en' : 'es';
}
