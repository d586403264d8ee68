// One row: a heading, a list that scrolls sideways, and buttons that scroll it.

import { banner, productCard, skeletonCard } from './cards.js';
import { make, safeLink } from './dom.js';
import { WORDS } from './words.js';

/** @import { Bundle, Click, Item, ContentItem, Row, Settings } from './types.js' */
/** @import { Words } from './words.js' */

const SKELETON_CARDS = 6;

/**
 * @typedef {object} Handlers
 * @property {(event: MouseEvent, click: Click) => void} onClick
 * @property {(bundle: Bundle, row: Row) => void} onAdd
 */

/**
 * @param {Row} row
 * @param {Settings} settings
 * @param {Handlers} handlers
 * @returns {HTMLElement}
 */
export function carousel(row, settings, handlers) {
  const words = WORDS[settings.locale];
  const cards = row.kind === 'products' ? row.items.map((item) => product(item, row, settings, handlers)) : row.items.map((item, i) => content(item, i + 1, row, handlers));
  const list = make('ol', { class: 'list', part: 'list', role: 'list' }, ...cards);
  list.addEventListener('keydown', (event) => moveFocus(event, list));
  const status = make('p', { class: 'hidden', role: 'status' });
  const controls = make('div', { class: 'controls', part: 'controls' });
  const title = row.title ?? null;
  const label = title ?? (row.kind === 'products' ? words.heading : words.promotions);
  const header = make('div', { class: 'header', part: 'header' }, title === null ? null : make('h2', { part: 'heading' }, title), controls);
  const bundle = row.kind === 'products' && row.bundle ? bundleBar(row.bundle, row, settings, handlers) : null;
  const section = make('section', { class: `row ${row.kind}`, part: 'row', 'aria-label': label, 'data-row': row.row }, header, list, bundle, status);
  steer(list, controls, status, label, words);
  return section;
}

/** Rows of the size of those to come. @param {number} rows */
export function skeletons(rows) {
  const cards = () => Array.from({ length: SKELETON_CARDS }, skeletonCard);
  const row = () => make('div', { class: 'row' }, make('div', { class: 'header' }, make('span', { class: 'bone' })), make('ol', { class: 'list' }, ...cards()));
  return Array.from({ length: rows }, row);
}

/**
 * @param {Item} item
 * @param {Row} row
 * @param {Settings} settings
 * @param {Handlers} handlers
 */
function product(item, row, settings, handlers) {
  const { productUrl, locale } = settings;
  const link = productUrl === null ? safeLink(item.link) : safeLink(productUrl.replace('{id}', encodeURIComponent(item.product_id)));
  const card = productCard(item, link, WORDS[locale]);
  card.dataset['product'] = item.product_id;
  onClick(card, { ...clickIn(row, item.position, link), product_id: item.product_id }, handlers);
  return card;
}

/**
 * @param {ContentItem} item
 * @param {number} position
 * @param {Row} row
 * @param {Handlers} handlers
 */
function content(item, position, row, handlers) {
  const link = safeLink(item.link);
  const card = banner(item, link);
  card.dataset['content'] = item.content_id;
  onClick(card, { ...clickIn(row, position, link), content_id: item.content_id }, handlers);
  return card;
}

/**
 * @param {Row} row
 * @param {number} position
 * @param {string | null} link
 * @returns {Click}
 */
function clickIn({ recommendation_id, placement, row }, position, link) {
  return { recommendation_id, placement, ...(row ? { row } : {}), position, ...(link ? { link } : {}) };
}

/**
 * @param {HTMLElement} card
 * @param {Click} click
 * @param {Handlers} handlers
 */
function onClick(card, click, handlers) {
  card.firstElementChild?.addEventListener('click', (event) => handlers.onClick(/** @type {MouseEvent} */ (event), click));
  // The middle button, which opens a tab.
  card.firstElementChild?.addEventListener('auxclick', (event) => {
    if (/** @type {MouseEvent} */ (event).button === 1) handlers.onClick(/** @type {MouseEvent} */ (event), click);
  });
}

/**
 * @param {Bundle} bundle
 * @param {Row} row
 * @param {Settings} settings
 * @param {Handlers} handlers
 */
function bundleBar(bundle, row, { locale, hasAddButton }, handlers) {
  const words = WORDS[locale];
  const n = bundle.product_ids.length;
  const before = bundle.list_price && bundle.list_price !== bundle.price ? make('s', { part: 'list-price' }, bundle.list_price) : null;
  const add = hasAddButton ? make('button', { type: 'button', class: 'add', part: 'add-button' }, words.add(n)) : null;
  add?.addEventListener('click', () => handlers.onAdd(bundle, row));
  return make('p', { class: 'bundle', part: 'bundle' }, `${words.together(n)} `, make('strong', { part: 'price' }, bundle.price), ' ', before, add);
}

/**
 * Buttons that scroll by whole cards. They stay in the tab order at the ends, so that the focus is never lost.
 * @param {HTMLElement} list
 * @param {HTMLElement} controls
 * @param {HTMLElement} status
 * @param {string} label
 * @param {Words} words
 */
function steer(list, controls, status, label, words) {
  /**
   * @param {-1 | 1} way
   * @param {string} name
   */
  const button = (way, name) => {
    const made = make('button', { type: 'button', part: way < 0 ? 'button previous' : 'button next', 'aria-label': `${name}: ${label}` }, way < 0 ? '‹' : '›');
    made.addEventListener('click', () => {
      if (made.ariaDisabled !== 'true') status.textContent = scroll(list, way, words);
    });
    return made;
  };
  const [previous, next] = [button(-1, words.previous), button(1, words.next)];
  controls.append(previous, next);
  const refresh = () => {
    const end = list.scrollWidth - list.clientWidth;
    controls.hidden = end <= 1;
    previous.ariaDisabled = String(list.scrollLeft <= 1);
    next.ariaDisabled = String(list.scrollLeft >= end - 1);
  };
  list.addEventListener('scroll', refresh, { passive: true });
  new ResizeObserver(refresh).observe(list);
}

/**
 * @param {HTMLElement} list
 * @param {-1 | 1} way
 * @param {Words} words
 * @returns {string} what is in view after it
 */
function scroll(list, way, words) {
  const cards = /** @type {HTMLElement[]} */ ([...list.children]);
  const [first, second] = cards;
  const step = first && second ? second.offsetLeft - first.offsetLeft : list.clientWidth;
  const inView = Math.max(1, Math.floor(list.clientWidth / step));
  const target = Math.round(list.scrollLeft / step) + way * inView;
  const begin = Math.min(Math.max(0, target), Math.max(0, cards.length - inView));
  list.scrollTo({ left: begin * step });
  return words.shown(begin + 1, Math.min(begin + inView, cards.length), cards.length);
}

/**
 * The arrow keys go from card to card, Home and End to the first and the last one.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} list
 */
function moveFocus(event, list) {
  const links = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('.link')]);
  const at = links.indexOf(/** @type {HTMLElement} */ (event.target));
  const target = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: links.length - 1 }[event.key];
  if (target === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  links[target]?.focus();
}
