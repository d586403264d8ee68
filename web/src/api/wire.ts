// The JSON of the server's API, as far as this page reads it. Optional means that older servers or empty shops leave it out.

export interface MoneyObject {
  minor: number;
  currency: string;
  formatted?: string;
}

/** Formatted by the server, or its parts. */
export type Money = MoneyObject | string;

export interface Shop {
  name: string;
  currency: string;
  time_zone: string;
  locale: string;
}

/** A number, or a number with the ends of its confidence interval. */
export type Metric = number | { value: number; low?: number; high?: number };

export interface Model {
  version: string;
  models: string[];
  created_at: string;
  log_position: number;
  metrics?: Record<string, Metric | null>;
  facts?: Record<string, unknown>;
}

/** What the text encoder has read of the catalogue. */
export interface Content {
  products: number;
  encoded: number;
  encoder?: string;
  problem: string | null;
  encoding?: { done: number; of: number };
}

export interface Status {
  version: string;
  uptime_seconds: number;
  shop: Shop;
  products: number;
  users: number;
  events: {
    total: number;
    head_position: number;
    per_second: number;
    newest_event_at: string | null;
    by_kind?: Record<string, number>;
  };
  model: Model | null;
  content?: Content;
  freshness?: {
    log_head: number;
    folded_position: number;
    newest_event_age_seconds: number | null;
  };
  revenue_today?: Money | null;
  orders_today?: number;
  serving?: {
    requests: number;
    fallback_share: number | null;
    p50_ms: number | null;
    p99_ms: number | null;
  };
}

export interface EventProduct {
  product_id: string;
  name?: string | null;
  price?: Money | null;
  quantity?: number;
}

/** One `committed` event of the stream. */
export interface CommittedEvent {
  position: number;
  kind: string;
  user: string;
  occurred_at: string;
  received_at: string;
  channel: string;
  products?: EventProduct[];
  order_total?: Money | null;
}

export interface EventPage {
  data: CommittedEvent[];
}

export interface RecentUser {
  user: string;
  last_event_at: string | null;
  interactions: number;
}

export interface Share {
  name: string;
  share: number;
}

export interface HistoryEntry {
  product_id: string;
  name?: string | null;
  price?: Money | null;
  /** The interaction that says most. */
  interaction_type: string | null;
  count: number;
  last_at: string;
}

export interface Profile {
  user: string;
  known: boolean;
  first_seen_at: string | null;
  last_seen_at: string | null;
  interactions: number;
  purchases: number;
  total_spent: Money | null;
  average_purchase: Money | null;
  /** Where about two thirds of the prices lie that the user looked at and paid. */
  price_band?: { low: Money; typical: Money; high: Money } | null;
  categories?: Share[];
  brands?: Share[];
  history: HistoryEntry[];
}

export const PLACEMENTS = ['home', 'product', 'cart'] as const;
export type Placement = (typeof PLACEMENTS)[number];

export interface SlateQuery {
  placement: Placement;
  user_id: string;
  product_ids?: string[];
  cart?: string[];
  n: number;
  explain: boolean;
  /** A look, not a visit: no impression is recorded. */
  preview: boolean;
}

export interface Reason {
  code: string;
  seed_product_id?: string | null;
  seed_product_name?: string | null;
  category?: string | null;
  text_es?: string | null;
  text_en?: string | null;
}

export interface ScorePart {
  name: string;
  value: number;
  seed_product_id?: string | null;
  seed_product_name?: string | null;
}

export interface SlateItem {
  product_id: string;
  position: number;
  score: number;
  name?: string | null;
  price?: Money | null;
  list_price?: Money | null;
  image_link?: string | null;
  category?: string | null;
  source: string;
  reason: Reason;
  parts?: ScorePart[];
}

export interface Slate {
  recommendation_id: string;
  placement: string;
  items: SlateItem[];
  strategy: string;
  model_version?: string | null;
  personalized: boolean;
  notices?: Notice[];
  freshest_event_at?: string | null;
}

export interface Notice {
  code: string;
  detail: string;
}

export interface Product {
  product_id: string;
  name: string;
}

export interface ProductHint {
  code: string;
  category?: string;
  confidence?: number;
  /** The ids of the other listings. */
  duplicates?: string[];
}

export interface HintedProduct {
  product_id: string;
  name: string;
  hints: ProductHint[];
}

export interface CatalogQuality {
  products: number;
  products_with_hints: number;
  duplicate_groups: number;
  totals: Record<string, number>;
  data: HintedProduct[];
  /** For `after` of the next page. */
  next?: string;
}

export type QueryKind = 'zero' | 'top';

export interface SearchedFor {
  queries: {
    query: string;
    searches: number;
    zero_results: number;
    /** A day of the shop, `2026-07-29`. */
    last_seen: string;
  }[];
  /** Queries that fewer than `users_min` users asked. */
  withheld: number;
  users_min: number;
  days: number;
}

/** What scores reviews. Measured on reviews that it did not learn from. */
export interface SentimentHead {
  reads: string;
  n_positive: number;
  n_negative: number;
  accuracy: number;
  macro_f1: number;
  brier: number;
  ece: number;
  log_loss: number;
  base_log_loss: number;
}

export interface ReviewsState {
  running: boolean;
  step: { name: string; done: number; of: number } | null;
  seen_position: number;
  n_products: number;
  n_reviews: number;
  sentiment: number | null;
  head: SentimentHead | null;
  notices: Notice[];
}

export interface ProductReviews {
  product_id: string;
  average_ratings_product: number | null;
  n_ratings: number;
  sentiment_score_user_reviews: number | null;
  n_reviews: number;
  aspects: { aspect: string; share_positive: number; n: number }[];
  seen_position: number;
  notices: Notice[];
}

/** Where, for whom and when; an empty list means all. */
export interface Target {
  placements?: string[];
  segments?: string[];
  categories?: string[];
  schedule?: Schedule;
}

/** By the shop's wall clock: a day, `2026-11-27`, or a time of it, `2026-11-27T18:00`. */
export interface Schedule {
  from?: string;
  /** A day is included to its end. */
  until?: string;
  weekdays?: string[];
  hours?: [number, number];
  occasions?: string[];
}

export type Action =
  | { kind: 'pin'; product_ids: string[]; position: number }
  | { kind: 'boost' | 'bury'; factor: number }
  | { kind: 'include'; places: number }
  | { kind: 'exclude' }
  | { kind: 'cap'; attribute?: string; max: number }
  | { kind: 'diversify'; strength: number }
  | { kind: 'same'; attribute: string };

export interface Rule {
  rule_id: string;
  name: string;
  enabled: boolean;
  target: Target;
  where?: string;
  action: Action;
}

export interface Conflict {
  rules: string[];
  code: string;
  detail: string;
}

export interface RuleList {
  data: Rule[];
  /** Of the whole draft. */
  etag: string;
  served_version: number;
  changed: boolean;
  conflicts: Conflict[];
}

export interface RuleVersion {
  version: number;
  published_at: string;
  actor: string;
  rules: Rule[];
}

export interface RuleVersions {
  /** 0 is no rules. */
  served_version: number;
  data: RuleVersion[];
}

export interface DryRun {
  placement: string;
  shoppers: number;
  changed: number;
  places_changed: number;
  mean_price_before: number | null;
  mean_price_after: number | null;
  /** By how many more slates show each. */
  products: { product_id: string; name: string | null; slates: number }[];
  touched: Record<string, number>;
  notices: Notice[];
}

/** What is served on a placement. */
export interface Plan {
  name: string;
}

export interface ContentRow {
  content_id: string;
  kind: string;
  title: { es: string; en?: string };
  target: Target;
  budget: { impressions?: number; clicks?: number; per_user_per_day?: number };
  active: boolean;
  impressions: number;
  clicks: number;
}

export interface Candidate {
  product_id: string;
  /** Of what found a place. */
  position?: number;
  source: string;
  score: number;
  parts: ScorePart[];
}

export type Verdict =
  | { verdict: 'shown'; position: number; score: number }
  | { verdict: 'outranked'; score: number; last_shown: number | null }
  | { verdict: 'refused'; by: string }
  | { verdict: 'not_found' };

/** How a slate came about. */
export interface Trace {
  recommendation_id: string;
  placement: string;
  plan: string;
  rules_version: number | null;
  /** Of the product that was asked for. */
  verdict?: Verdict;
  /** What keeps it off all slates now. */
  now?: string;
  candidates: Candidate[];
  more_candidates: number;
  dropped: Record<string, number>;
}

/** RFC 9457. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
}
