// What is asked of the API. Requests that are equal and under way at the same time are one: several elements that each
// show a row of one page cost one answer.

/** @import { PageAnswer, Request, Row, Settings, Slate } from './types.js' */

/**
 * @param {Settings} settings
 * @returns {Request}
 */
export function requestOf(settings) {
  return settings.page === null ? placementRequest(settings) : pageRequest(settings, settings.page);
}

/** @param {Settings} settings */
export function headersOf({ key }) {
  return key === null ? {} : { 'X-API-Key': key };
}

/**
 * @param {Settings} settings
 * @returns {Request}
 */
function placementRequest(settings) {
  const { origin, who, placement, productIds, cart, n, locale } = settings;
  const body = { placement, ...who, product_ids: productIds, cart, ...(n === null ? {} : { n }), locale, impression: 'client' };
  return {
    url: `${origin}/v1/recommendations`,
    method: 'POST',
    headers: { ...headersOf(settings), 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
}

/**
 * How many products each of its rows has is the page's own.
 * @param {Settings} settings
 * @param {string} page
 * @returns {Request}
 */
function pageRequest(settings, page) {
  const { origin, who, productIds, cart, locale } = settings;
  const parameters = new URLSearchParams({ .../** @type {Record<string, string>} */ (who), locale, impression: 'client' });
  if (productIds[0]) parameters.set('product_id', productIds[0]);
  if (cart.length) parameters.set('cart', cart.join(','));
  return { url: `${origin}/v1/pages/${encodeURIComponent(page)}?${parameters}`, method: 'GET', headers: headersOf(settings) };
}

/**
 * @param {Settings} settings
 * @param {unknown} answer
 * @returns {Row[]} those that have something to show
 */
export function rowsOf({ page, row, heading }, answer) {
  const rows = page === null ? [slateRow(/** @type {Slate} */ (answer))] : /** @type {PageAnswer} */ (answer).rows;
  const wanted = rows.filter((one) => one.items.length > 0 && (page === null || row === null || one.row === row));
  const [first] = wanted;
  return heading !== null && first ? [{ ...first, title: heading }, ...wanted.slice(1)] : wanted;
}

/**
 * @param {Slate} slate
 * @returns {Row}
 */
function slateRow(slate) {
  return { kind: 'products', ...slate };
}

/** @typedef {{answer: Promise<unknown>, askers: number, stop: AbortController}} Flight */

/** @type {Map<string, Flight>} */
const flights = new Map();

/**
 * @param {Request} request
 * @param {AbortSignal} signal
 * @returns {Promise<unknown>} the JSON of the answer
 */
export async function ask(request, signal) {
  const name = JSON.stringify(request);
  const flight = flights.get(name) ?? takeOff(name, request);
  flight.askers += 1;
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason);
      flight.askers -= 1;
      if (flight.askers === 0) land(name, flight).stop.abort();
    });
    flight.answer.then(resolve, reject);
  });
}

/**
 * @param {string} name
 * @param {Request} request
 * @returns {Flight}
 */
function takeOff(name, request) {
  const stop = new AbortController();
  /** @type {Flight} */
  const flight = { answer: read(request, stop.signal).finally(() => land(name, flight)), askers: 0, stop };
  flights.set(name, flight);
  return flight;
}

/**
 * @param {string} name
 * @param {Flight} flight
 */
function land(name, flight) {
  if (flights.get(name) === flight) flights.delete(name);
  return flight;
}

/**
 * @param {Request} request
 * @param {AbortSignal} signal
 * @returns {Promise<unknown>}
 */
async function read({ url, ...request }, signal) {
  // Whoever looks is named in the request; cookies of the API's origin have no part in it.
  const response = await fetch(url, { ...request, credentials: 'omit', signal });
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const detail = answer?.detail ?? 'the answer is no JSON; is `src` the origin of a Vitrina server?';
  throw new Error(`${url.split('?')[0]} answered ${response.status}: ${detail}`);
}
