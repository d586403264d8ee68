// What several pages show.

import { picture } from '../../sdk/js/src/cards.js';
import { discountPercent } from '../../sdk/js/src/discount.js';
import { make } from '../../sdk/js/src/dom.js';
import type { Item } from '../../sdk/js/src/types.js';
import { address } from './address';
import type { Slate } from './api';
import { cartIds } from './cart';
import { attribute, happened } from './events';
import { currentUser, isTracked } from './shopper';
import { t } from './words';

/** A sample shop may run on a busy laptop. */
const TIMEOUT_MS = 5_000;

/** A carousel for who shops now. */
export function carousel(attributes: Record<string, string>): HTMLElement {
  return make('vitrina-carousel' as 'div', {
    'user-id': currentUser(),
    'no-tracking': !isTracked(),
    cart: cartIds().join(',') || null,
    'product-url': '#/producto/{id}',
    'add-to-cart': true,
    'timeout-ms': TIMEOUT_MS,
    ...attributes,
  });
}

/** Results and categories: all at once, in columns. */
export function grid({ items, placement, recommendation_id }: Slate): HTMLElement {
  const tiles = items.map((item) => {
    const made = tile(item);
    made.addEventListener('click', () => {
      attribute([item.product_id], recommendation_id);
      void happened.productClicked(item.product_id, item.position, placement, recommendation_id);
    });
    return made;
  });
  return make('ol', { class: 'grid', role: 'list' }, ...tiles);
}

function tile(item: Item): HTMLElement {
  const name = item.name ?? item.product_id;
  const percent = discountPercent(item.price, item.list_price);
  return make(
    'li',
    { class: 'tile', 'data-product': item.product_id },
    make(
      'a',
      { href: address.product(item.product_id) },
      make('span', { class: 'image' }, picture(item.image_link, name, item.category ?? name), percent > 0 ? make('span', { class: 'badge' }, `-${percent}%`) : null),
      make('span', { class: 'tile-name' }, name),
      prices(item.price, percent > 0 ? item.list_price : undefined),
    ),
  );
}

export function prices(price: string | undefined, before: string | undefined): HTMLElement {
  return make(
    'span',
    { class: 'prices' },
    make('strong', {}, price ?? ''),
    before === undefined ? null : make('s', {}, make('span', { class: 'sr-only' }, `${t('before')} `), before),
  );
}

/** A page with nothing to show says why, and where to go on. */
export function message(text: string, ...more: (Node | string)[]): HTMLElement {
  return make('div', { class: 'message' }, make('h1', {}, text), ...more);
}
