// What happens in the shop, told as it happens: the next page reacts to it.

import { randomId } from '../../sdk/js/src/identity.js';
import type { Money } from './money';
import { write } from './money';
import { isTracked, who } from './shopper';

export interface Line {
  product_id: string;
  quantity: number;
  price: Money | null;
}

/** Resolves when the event is durable. A shop goes on without it: what can't be told is said on the console. */
async function tell(event: string, details: object): Promise<void> {
  if (!isTracked()) return;
  const body = JSON.stringify({ event, message_id: `tienda-${randomId()}`, ...who(), ...details });
  try {
    const response = await fetch('/v1/events', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body, keepalive: true });
    const { rejected = [], detail } = (await response.json()) as { rejected?: { detail: string }[]; detail?: string };
    const refusal = rejected[0]?.detail ?? detail;
    if (refusal !== undefined) console.warn(`${event} was refused: ${refusal}`);
  } catch (error) {
    console.warn(`${event} was not sent: ${String(error)}`);
  }
}

/** Which slate led to each product, for as long as the tab is open: what follows is credited to it. */
const ATTRIBUTED = 'tienda.attributed';

function attributions(): Record<string, string> {
  return JSON.parse(sessionStorage.getItem(ATTRIBUTED) ?? '{}') as Record<string, string>;
}

export function attribute(productIds: string[], recommendationId: string): void {
  if (!isTracked()) return;
  const kept = attributions();
  for (const id of productIds) kept[id] = recommendationId;
  sessionStorage.setItem(ATTRIBUTED, JSON.stringify(kept));
}

export function forgetAttributions(): void {
  sessionStorage.removeItem(ATTRIBUTED);
}

function creditFor(productId: string): object {
  const recommendation_id = attributions()[productId];
  return recommendation_id === undefined ? {} : { recommendation_id };
}

export const happened = {
  pageViewed: (page: string) => tell('page_viewed', { page }),
  categoryViewed: (category: string) => tell('product_list_viewed', { category }),
  productViewed: (product_id: string) => tell('product_viewed', { product_id, ...creditFor(product_id) }),
  productClicked: (product_id: string, position: number, placement: string, recommendation_id: string) =>
    tell('product_clicked', { product_id, position, placement, recommendation_id }),
  productAdded: (line: Line) => tell('product_added', { ...lineBody(line), ...creditFor(line.product_id) }),
  productRemoved: (line: Line) => tell('product_removed', lineBody(line)),
  cartViewed: () => tell('cart_viewed', {}),
  checkoutStarted: () => tell('checkout_started', {}),
  orderCompleted: (order: { order_id: string; lines: Line[]; subtotal: Money; shipping: Money; total: Money }) =>
    tell('order_completed', {
      order_id: order.order_id,
      products: order.lines.map(lineBody),
      subtotal: write(order.subtotal),
      shipping: write(order.shipping),
      total: write(order.total),
      currency: order.total.currency,
    }),
};

function lineBody({ product_id, quantity, price }: Line): object {
  return price === null ? { product_id, quantity } : { product_id, quantity, price: write(price) };
}
