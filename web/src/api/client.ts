import type {
  CatalogQuality,
  CommittedEvent,
  EventPage,
  Problem,
  Product,
  ProductReviews,
  Profile,
  QueryKind,
  RecentUser,
  ReviewsState,
  SearchedFor,
  Slate,
  SlateQuery,
  Status,
} from './wire';

/** The server answered, and the answer was a refusal. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.name = 'ApiError';
  }
}

/** Nothing that speaks our API answered. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

const TIMEOUT_MS = 8_000;
/** A catalogue that changed is read anew before the server answers, which takes seconds. */
const READING_TIMEOUT_MS = 60_000;

async function call<T>(path: string, init: RequestInit, signal: AbortSignal, timeoutMs = TIMEOUT_MS): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...init,
      headers: { accept: 'application/json', ...init.headers },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Unreachable(String(error));
  }
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  // A proxy without its server answers 502 with a page of its own: to the reader that is no server.
  if (!isJson) throw new Unreachable(`HTTP ${response.status}`);
  const body: unknown = await response.json().catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw new Unreachable(String(error));
  });
  if (!response.ok) throw new ApiError(response.status, body as Problem);
  return body as T;
}

export function getStatus(signal: AbortSignal): Promise<Status> {
  return call('/v1/status', {}, signal);
}

/** The newest events of the log. */
export async function getRecentEvents(limit: number, signal: AbortSignal): Promise<CommittedEvent[]> {
  const page = await call<EventPage>(`/v1/events?limit=${limit}`, {}, signal);
  return page.data;
}

export async function getRecentUsers(limit: number, signal: AbortSignal): Promise<RecentUser[]> {
  const page = await call<{ data: RecentUser[] }>(`/v1/users?limit=${limit}`, {}, signal);
  return page.data;
}

async function callOrNull<T>(path: string, signal: AbortSignal): Promise<T | null> {
  try {
    return await call<T>(path, {}, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** `null` when the shop has never met this user. */
export function getProfile(user: string, signal: AbortSignal): Promise<Profile | null> {
  return callOrNull(`/v1/users/${encodeURIComponent(user)}`, signal);
}

/** `null` when the catalogue does not have it. */
export function getProduct(id: string, signal: AbortSignal): Promise<Product | null> {
  return callOrNull(`/v1/products/${encodeURIComponent(id)}`, signal);
}

/** `null` when the catalogue does not have it and nobody rated or reviewed it. */
export function getProductReviews(id: string, signal: AbortSignal): Promise<ProductReviews | null> {
  return callOrNull(`/v1/products/${encodeURIComponent(id)}/reviews`, signal);
}

export function getReviews(signal: AbortSignal): Promise<ReviewsState> {
  return call('/v1/reviews', {}, signal);
}

export function getCatalogQuality(
  page: { hint: string | null; after: string | null; limit: number },
  signal: AbortSignal,
): Promise<CatalogQuality> {
  const query = new URLSearchParams({ limit: String(page.limit) });
  if (page.hint !== null) query.set('hint', page.hint);
  if (page.after !== null) query.set('after', page.after);
  return call(`/v1/catalog/quality?${query.toString()}`, {}, signal, READING_TIMEOUT_MS);
}

export function getQueries(kind: QueryKind, days: number, n: number, signal: AbortSignal): Promise<SearchedFor> {
  return call(`/v1/search/queries?kind=${kind}&days=${days}&n=${n}`, {}, signal);
}

export function recommend(query: SlateQuery, signal: AbortSignal): Promise<Slate> {
  const body = JSON.stringify(query);
  return call('/v1/recommendations', { method: 'POST', body, headers: { 'content-type': 'application/json' } }, signal);
}

export const EVENT_STREAM = '/v1/events/stream';
