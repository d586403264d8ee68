// What the API is told: which slates were seen, and what was clicked.

import { randomId } from './identity.js';
import { headersOf } from './request.js';

/** @import { Click, Row, Settings } from './types.js' */

/**
 * A slate is one event under the id that the server would give it, so that it can't be counted twice.
 * @param {Row} row
 * @param {Settings} settings
 * @returns {object[]}
 */
export function impressionsOf(row, settings) {
  const common = commonOf(row, settings);
  const id = `impression-${row.recommendation_id}`;
  if (row.kind === 'products') {
    const products = row.items.map(({ product_id, position }) => ({ product_id, position }));
    return [{ event: 'impression', message_id: id, ...common, products }];
  }
  return row.items.map(({ content_id }, i) => ({
    event: 'promotion_viewed',
    message_id: `${id}-${i + 1}`,
    ...common,
    promotion_id: content_id,
  }));
}

/**
 * @param {Click} click
 * @param {Settings} settings
 * @returns {object}
 */
export function clickOf(click, settings) {
  const common = { message_id: `click-${randomId()}`, ...commonOf(click, settings) };
  return click.product_id === undefined
    ? { event: 'promotion_clicked', ...common, promotion_id: click.content_id }
    : { event: 'product_clicked', ...common, product_id: click.product_id, position: click.position };
}

/**
 * @param {{placement: string, recommendation_id: string}} shown
 * @param {Settings} settings
 */
function commonOf({ placement, recommendation_id }, { who, isConsented }) {
  const consent = isConsented ? { consent: { personalization: 'granted' } } : {};
  return { ...who, ...consent, placement, recommendation_id };
}

/**
 * Outlives the page, as clicks must. What can't be sent is lost: no report is worth a shopper's wait.
 * @param {object[]} events
 * @param {Settings} settings
 */
export function send(events, settings) {
  if (!settings.isTracked) return;
  fetch(`${settings.origin}/v1/events`, {
    method: 'POST',
    headers: { ...headersOf(settings), 'Content-Type': 'application/json' },
    body: JSON.stringify(events),
    credentials: 'omit',
    keepalive: true,
  }).catch(() => {});
}
