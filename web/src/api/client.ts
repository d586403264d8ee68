import type {
  CatalogQuality,
  CommittedEvent,
  ContentRow,
  DryRun,
  EventPage,
  Plan,
  Problem,
  Product,
  ProductReviews,
  Profile,
  QueryKind,
  RecentUser,
  ReviewsState,
  Rule,
  RuleList,
  RuleVersions,
  SearchedFor,
  Slate,
  SlateQuery,
  Status,
  Trace,
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
  return (await answer<T>(path, init, signal, timeoutMs)).body;
}

async function answer<T>(path: string, init: RequestInit, signal: AbortSignal, timeoutMs: number): Promise<{ body: T; etag: string }> {
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
  const etag = response.headers.get('etag') ?? '';
  if (response.status === 204) return { body: undefined as T, etag };
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  // A proxy without its server answers 502 with a page of its own: to the reader that is no server.
  if (!isJson) throw new Unreachable(`HTTP ${response.status}`);
  const body: unknown = await response.json().catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw new Unreachable(String(error));
  });
  if (!response.ok) throw new ApiError(response.status, body as Problem);
  return { body: body as T, etag };
}

/** What changes the shop is not broken off because the reader goes elsewhere. */
const NEVER = new AbortController().signal;

/** `seen` is the ETag of what the reader saw: the server refuses when somebody was faster. */
function change<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, seen?: string): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (seen !== undefined) headers['if-match'] = seen;
  return call(path, { method, headers, body: body === undefined ? null : JSON.stringify(body) }, NEVER, READING_TIMEOUT_MS);
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

/** `null` when no slate of this id was recorded, or it is forgotten. */
export function getTrace(id: string, product: string | null, signal: AbortSignal): Promise<Trace | null> {
  const query = product === null ? '' : `?${new URLSearchParams({ product_id: product }).toString()}`;
  return callOrNull(`/v1/recommendations/${encodeURIComponent(id)}/trace${query}`, signal);
}

export async function getPlans(signal: AbortSignal): Promise<Plan[]> {
  return (await call<{ data: Plan[] }>('/v1/plans', {}, signal)).data;
}

export async function getContents(signal: AbortSignal): Promise<ContentRow[]> {
  return (await call<{ data: ContentRow[] }>('/v1/content', {}, signal)).data;
}

const rulePath = (id: string) => `/v1/rules/${encodeURIComponent(id)}`;

/** Looks for conflicts over the whole catalogue. */
export function getRules(signal: AbortSignal): Promise<RuleList> {
  return call('/v1/rules', {}, signal, READING_TIMEOUT_MS);
}

export function getRuleVersions(signal: AbortSignal): Promise<RuleVersions> {
  return call('/v1/rules/versions', {}, signal);
}

export async function getRule(id: string): Promise<{ rule: Rule; etag: string }> {
  const { body, etag } = await answer<Rule>(rulePath(id), {}, NEVER, TIMEOUT_MS);
  return { rule: body, etag };
}

/** Without an id the server makes one. */
export function addRule(rule: Partial<Rule>): Promise<Rule> {
  return change('POST', '/v1/rules', rule);
}

export function putRule(rule: Rule, seen: string): Promise<Rule> {
  return change('PUT', rulePath(rule.rule_id), rule, seen);
}

export function deleteRule(id: string, seen: string): Promise<void> {
  return change('DELETE', rulePath(id), undefined, seen);
}

export function publishRules(seen: string): Promise<void> {
  return change('POST', '/v1/rules/publish', undefined, seen);
}

export function rollbackRules(): Promise<void> {
  return change('POST', '/v1/rules/rollback');
}

export function dryRunRules(placement: string, shoppers: number): Promise<DryRun> {
  return change('POST', '/v1/rules/dry-run', { placement, shoppers });
}

export const EVENT_STREAM = '/v1/events/stream';
