// What lies in the cart, kept by the browser.

import type { Product } from './api';
import { happened, type Line } from './events';
import { major, parseMoney, times, type Money } from './money';

export interface CartLine extends Line {
  name: string;
  category: string | null;
  image_link: string | null;
}

export interface Totals {
  subtotal: Money;
  shipping: Money;
  total: Money;
  /** Missing until shipping is free; nothing when it is. */
  missing: Money | null;
  /** Of the way to free shipping, 0 to 1. */
  share: number;
}

export interface Order {
  order_id: string;
  lines: CartLine[];
  totals: Totals;
}

const FREE_SHIPPING_FROM = 99;
const SHIPPING = 9.9;
const QUANTITY_MAX = 20;

const CART = 'tienda.cart';
const ORDER = 'tienda.order';
const CHANGED = 'tienda:cart';
const SOLES: Money = { minor: 0, currency: 'PEN', digits: 2 };

export function cartLines(): CartLine[] {
  return JSON.parse(localStorage.getItem(CART) ?? '[]') as CartLine[];
}

function keep(lines: CartLine[]): void {
  localStorage.setItem(CART, JSON.stringify(lines));
  dispatchEvent(new Event(CHANGED));
}

/** Calls `refresh` when the cart changes, for as long as `element` is on the page. */
export function followCart(element: Node, refresh: () => void): void {
  const follow = () => (element.isConnected ? refresh() : removeEventListener(CHANGED, follow));
  addEventListener(CHANGED, follow);
}

export function cartIds(): string[] {
  return cartLines().map(({ product_id }) => product_id);
}

export function cartCount(): number {
  return cartLines().reduce((sum, { quantity }) => sum + quantity, 0);
}

export async function addToCart(products: Product[]): Promise<void> {
  const lines = cartLines();
  for (const product of products) {
    const line = lines.find(({ product_id }) => product_id === product.product_id);
    if (line) line.quantity = Math.min(line.quantity + 1, QUANTITY_MAX);
    else lines.push(lineOf(product));
  }
  keep(lines);
  await Promise.all(products.map((product) => happened.productAdded(lineOf(product))));
}

function lineOf(product: Product): CartLine {
  return {
    product_id: product.product_id,
    name: product.name,
    category: product.category?.at(-1) ?? null,
    image_link: product.image_link ?? null,
    quantity: 1,
    price: product.price === undefined ? null : parseMoney(product.price),
  };
}

/** Zero takes it out. */
export async function setQuantity(productId: string, quantity: number): Promise<void> {
  const line = cartLines().find(({ product_id }) => product_id === productId);
  if (!line) return;
  const next = Math.max(0, Math.min(quantity, QUANTITY_MAX));
  keep(cartLines().map((one) => (one.product_id === productId ? { ...one, quantity: next } : one)).filter((one) => one.quantity > 0));
  const change = next - line.quantity;
  if (change > 0) await happened.productAdded({ ...line, quantity: change });
  if (change < 0) await happened.productRemoved({ ...line, quantity: -change });
}

export function emptyCart(): void {
  keep([]);
}

export function totalsOf(lines: Line[]): Totals {
  const currency = lines.find(({ price }) => price !== null)?.price ?? SOLES;
  const sum = lines.reduce((minor, { price, quantity }) => minor + (price === null ? 0 : times(price, quantity).minor), 0);
  const subtotal = { ...currency, minor: sum };
  const goal = major(FREE_SHIPPING_FROM, currency);
  const isFree = sum >= goal.minor;
  const shipping = major(isFree ? 0 : SHIPPING, currency);
  return {
    subtotal,
    shipping,
    total: { ...currency, minor: sum + shipping.minor },
    missing: isFree ? null : { ...currency, minor: goal.minor - sum },
    share: Math.min(1, sum / goal.minor),
  };
}

export function freeShippingFrom(like: Money): Money {
  return major(FREE_SHIPPING_FROM, like);
}

/** Turns the cart into an order; the shop is told before the thanks are shown, so that they already know it. */
export async function placeOrder(): Promise<Order> {
  const lines = cartLines();
  const order: Order = { order_id: `T-${Date.now().toString(36).toUpperCase()}`, lines, totals: totalsOf(lines) };
  await happened.orderCompleted({ ...order, ...order.totals });
  sessionStorage.setItem(ORDER, JSON.stringify(order));
  emptyCart();
  return order;
}

/** The last order of this tab. */
export function lastOrder(id: string): Order | null {
  const order = JSON.parse(sessionStorage.getItem(ORDER) ?? 'null') as Order | null;
  return order?.order_id === id ? order : null;
}
