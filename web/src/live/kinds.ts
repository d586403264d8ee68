// The event kinds of the server, and how each family looks: a symbol and a tone.

import { Bag, Cart, Eye, Heart, Page, Pointer, Search, Spark, Star, Tag, Undo } from '../ui/icons';

const FAMILIES = {
  view: { Icon: Eye, tone: 'blue' },
  click: { Icon: Pointer, tone: 'blue' },
  search: { Icon: Search, tone: 'violet' },
  cart: { Icon: Cart, tone: 'amber' },
  order: { Icon: Bag, tone: 'green' },
  undo: { Icon: Undo, tone: 'red' },
  like: { Icon: Heart, tone: 'pink' },
  rate: { Icon: Star, tone: 'pink' },
  offer: { Icon: Tag, tone: 'violet' },
  shown: { Icon: Spark, tone: 'gray' },
  page: { Icon: Page, tone: 'gray' },
} as const;

type Family = keyof typeof FAMILIES;

export const KINDS = {
  page_viewed: 'page',
  products_searched: 'search',
  product_list_viewed: 'page',
  product_list_filtered: 'search',
  promotion_viewed: 'offer',
  promotion_clicked: 'offer',
  product_clicked: 'click',
  product_viewed: 'view',
  product_added: 'cart',
  product_removed: 'undo',
  cart_viewed: 'cart',
  checkout_started: 'cart',
  checkout_step_viewed: 'cart',
  checkout_step_completed: 'cart',
  payment_info_entered: 'cart',
  order_updated: 'order',
  order_completed: 'order',
  order_refunded: 'undo',
  order_cancelled: 'undo',
  coupon_entered: 'offer',
  coupon_applied: 'offer',
  coupon_denied: 'undo',
  coupon_removed: 'undo',
  product_added_to_wishlist: 'like',
  product_removed_from_wishlist: 'undo',
  wishlist_product_added_to_cart: 'cart',
  product_shared: 'like',
  cart_shared: 'like',
  product_reviewed: 'rate',
  product_rated: 'rate',
  impression: 'shown',
  product_dwelled: 'view',
  page_scrolled: 'page',
  preference_declared: 'like',
} as const satisfies Record<string, Family>;

export const INTERACTIONS = {
  impression: 'shown',
  click: 'click',
  view: 'view',
  dwell: 'view',
  share: 'like',
  wishlist: 'like',
  cart: 'cart',
  uncart: 'undo',
  purchase: 'order',
  refund: 'undo',
  rating: 'rate',
} as const satisfies Record<string, Family>;

function lookOf(table: Record<string, Family>, code: string) {
  return FAMILIES[table[code] ?? 'page'];
}

export const kindLook = (kind: string) => lookOf(KINDS, kind);
export const interactionLook = (interaction: string | null) => lookOf(INTERACTIONS, interaction ?? 'impression');
