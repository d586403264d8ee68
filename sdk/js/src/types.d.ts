// The JSON of the server's API, as far as the carousel reads it, and what its files pass to each other.

export interface Reason {
  code: string;
  text: string;
}

export interface Item {
  product_id: string;
  position: number;
  name?: string;
  /** Money is shown as the server wrote it. */
  price?: string;
  list_price?: string;
  category?: string;
  image_link?: string;
  link?: string;
  reason: Reason;
}

export interface ContentItem {
  content_id: string;
  title: string;
  body?: string;
  image_link?: string;
  link?: string;
}

export interface Bundle {
  product_ids: string[];
  price: string;
  list_price?: string;
}

export interface ProductRow {
  kind: 'products';
  /** Absent where the row is the answer for a placement. */
  row?: string;
  placement: string;
  title?: string;
  recommendation_id: string;
  items: Item[];
  bundle?: Bundle;
}

export interface ContentRow {
  kind: 'content';
  row?: string;
  placement: string;
  title?: string;
  recommendation_id: string;
  items: ContentItem[];
}

export type Row = ProductRow | ContentRow;

export type Slate = Omit<ProductRow, 'kind'>;

export interface PageAnswer {
  page: string;
  rows: Row[];
}

export type Locale = 'es' | 'en';

/** Who looks; nobody has neither id. */
export interface Who {
  user_id?: string;
  anonymous_id?: string;
}

/** What the attributes of an element ask for. */
export interface Settings {
  /** Of the API, without a slash at the end; empty for the page's own. */
  origin: string;
  key: string | null;
  page: string | null;
  placement: string;
  row: string | null;
  heading: string | null;
  productIds: string[];
  cart: string[];
  n: number | null;
  locale: Locale;
  who: Who;
  /** May what is seen and clicked be reported? */
  isTracked: boolean;
  isConsented: boolean;
  timeoutMs: number;
  /** With `{id}` in it, for catalogues without links. */
  productUrl: string | null;
  /** Does the shop listen to `vitrina:add`? */
  hasAddButton: boolean;
}

export interface Request {
  url: string;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
}

/** What was clicked, as `vitrina:click` tells it. */
export interface Click {
  recommendation_id: string;
  placement: string;
  row?: string;
  position: number;
  product_id?: string;
  content_id?: string;
  link?: string;
}
