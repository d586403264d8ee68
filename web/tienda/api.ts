// What the storefront asks of the API beside what the carousels ask.

import type { Item } from '../../sdk/js/src/types.js';
import { who } from './shopper';
import { currentLanguage } from './words';

export interface Product {
  product_id: string;
  name: string;
  description?: string;
  category?: string[];
  brand?: string;
  price?: string;
  list_price?: string;
  availability: string;
  stock?: number;
  image_link?: string;
  attributes?: Record<string, string>;
}

export interface Slate {
  recommendation_id: string;
  placement: string;
  items: Item[];
}

export interface Results extends Slate {
  total: number;
  corrected: { from: string; to: string }[];
  unknown: string[];
}

export interface RecentUser {
  user: string;
  interactions: number;
}

const TIMEOUT_MS = 8_000;
/** Products on one page of results or of a category. */
const PAGE_SIZE = 48;
/** Enough of the shop to see its categories. */
const SAMPLE_SIZE = 100;
const CATEGORIES = 8;

/** `null` where the server answers that there is no such thing. */
async function call<T>(path: string, body?: unknown): Promise<T | null> {
  const init = body === undefined ? {} : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const answer = (await response.json().catch(() => ({}))) as T & { detail?: string };
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(answer.detail ?? `${path} answered ${response.status}`);
  return answer;
}

async function found<T>(path: string, body?: unknown): Promise<T> {
  const answer = await call<T>(path, body);
  if (answer === null) throw new Error(`${path} answered 404; is the server as new as this page?`);
  return answer;
}

export function getProduct(id: string): Promise<Product | null> {
  return call(`/v1/products/${encodeURIComponent(id)}`);
}

export function search(q: string): Promise<Results> {
  const person = who();
  const parameters = new URLSearchParams({ q, n: String(PAGE_SIZE), lang: currentLanguage(), ...person });
  return found(`/v1/search?${parameters.toString()}`);
}

export function getCategory(name: string): Promise<Slate> {
  return found('/v1/recommendations', { placement: 'category', ...who(), filters: { categories: [name] }, n: PAGE_SIZE, locale: currentLanguage() });
}

/** The categories of what sells best: the API lists products, not categories. */
export async function getCategories(): Promise<string[]> {
  const { items } = await found<Slate>('/v1/recommendations', { placement: 'home', n: SAMPLE_SIZE, preview: true });
  const counts = new Map<string, number>();
  for (const { category } of items) if (category) counts.set(category, (counts.get(category) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, CATEGORIES).map(([name]) => name);
}

export async function getRecentUsers(limit: number): Promise<RecentUser[]> {
  return (await found<{ data: RecentUser[] }>(`/v1/users?limit=${limit}`)).data;
}
