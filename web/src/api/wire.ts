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

/** RFC 9457. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
}
