// One product or one banner. A card's box is the same with and without its picture, its reason and its second line of name.

import { discountPercent } from './discount.js';
import { make, safeLink } from './dom.js';

/** @import { ContentItem, Item } from './types.js' */
/** @import { Words } from './words.js' */

/** Colours of placeholders; a category always has the same. */
const TINTS = 8;

/**
 * @param {Item} item
 * @param {string | null} link
 * @param {Words} words
 */
export function productCard(item, link, words) {
  const name = item.name ?? item.product_id;
  const percent = discountPercent(item.price, item.list_price);
  const price = item.price ? make('span', { class: 'price', part: 'price' }, hidden(`${words.price} `), item.price) : null;
  const before = percent > 0 ? make('s', { part: 'list-price' }, hidden(`${words.before} `), item.list_price ?? '') : null;
  return card(
    link,
    make('span', { class: 'image', part: 'image' }, picture(item.image_link, name, item.category ?? name), percent > 0 ? make('span', { class: 'badge', part: 'badge' }, `-${percent}%`) : null),
    make('span', { class: 'name', part: 'name' }, name),
    make('span', { class: 'prices' }, price, before),
    make('span', { class: 'reason', part: 'reason' }, item.reason.text),
  );
}

/**
 * @param {ContentItem} item
 * @param {string | null} link
 */
export function banner(item, link) {
  const box = card(
    link,
    safeLink(item.image_link) ? make('span', { class: 'image', part: 'banner-image' }, picture(item.image_link, item.title, item.content_id)) : null,
    make(
      'span',
      { class: 'banner-text' },
      make('strong', { part: 'banner-title' }, item.title),
      item.body ? make('span', { part: 'banner-body' }, item.body) : null,
    ),
  );
  box.classList.add('banner');
  box.dataset['tint'] = tintOf(item.content_id);
  return box;
}

/** Of the size of a card that is not there yet. */
export function skeletonCard() {
  const bones = ['image', 'name', 'prices', 'reason'].map((name) => make('span', { class: name }, make('span', { class: 'bone' })));
  return make('li', { class: 'card skeleton' }, make('span', { class: 'link' }, ...bones));
}

/**
 * @param {string | null} link
 * @param {(Node | null)[]} children
 */
function card(link, ...children) {
  const anchor = link === null ? make('button', { class: 'link', part: 'link', type: 'button' }, ...children) : make('a', { class: 'link', part: 'link', href: link }, ...children);
  return make('li', { class: 'card', part: 'card' }, anchor);
}

/**
 * The picture, or the first letter of what it would show in the colour of its group. The name stands beside it, so that `alt` would only say
 * it twice.
 * @param {string | undefined} source
 * @param {string} name
 * @param {string} group
 */
export function picture(source, name, group) {
  const initial = make('span', { class: 'placeholder', part: 'placeholder', 'aria-hidden': 'true', 'data-tint': tintOf(group) }, (name.match(/\p{L}/u)?.[0] ?? '·').toUpperCase());
  const safe = safeLink(source);
  if (safe === null) return initial;
  const image = make('img', { src: safe, alt: '', loading: 'lazy', decoding: 'async' });
  image.addEventListener('error', () => image.replaceWith(initial));
  return image;
}

/** @param {string} text */
function tintOf(text) {
  return String([...text].reduce((hash, letter) => (hash * 31 + (letter.codePointAt(0) ?? 0)) % 9973, 7) % TINTS);
}

/** @param {string} text for those who listen to the page */
function hidden(text) {
  return make('span', { class: 'hidden' }, text);
}
