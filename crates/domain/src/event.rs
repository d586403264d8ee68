//! What a shopper did. The kinds are Segment's e-commerce events (spec v2) in snake case, plus the few that a
//! recommender needs beside them: impressions, ratings, dwell, scroll and declared preferences.
//!
//! One flat record for all kinds, so that it is also one row of the lake; [`Event::check`] is the table of what each
//! kind must carry.

use serde::{Deserialize, Serialize};

use crate::{MessageId, Money, OrderId, PlacementId, ProductId, RecommendationId, SessionId, Timestamp, UserKey};

macro_rules! kinds {
    ($($name:ident $text:literal $segment:literal $needs:ident,)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EventKind { $($name,)* }

        impl EventKind {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in our API, log and lake: `product_viewed`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The name on Segment's wire: `Product Viewed`.
            pub fn segment_name(self) -> &'static str {
                match self { $(Self::$name => $segment,)* }
            }

            fn needs(self) -> Needs {
                match self { $(Self::$name => Needs::$needs,)* }
            }
        }
    };
}

/// What an event of a kind must carry to mean anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needs {
    Nothing,
    OneProduct,
    Products,
    OrderWithProducts,
    Order,
    Query,
    Rating,
    Duration,
    Depth,
    Preference,
}

kinds! {
    PageViewed "page_viewed" "Page Viewed" Nothing,
    ProductsSearched "products_searched" "Products Searched" Query,
    ProductListViewed "product_list_viewed" "Product List Viewed" Nothing,
    ProductListFiltered "product_list_filtered" "Product List Filtered" Nothing,
    PromotionViewed "promotion_viewed" "Promotion Viewed" Nothing,
    PromotionClicked "promotion_clicked" "Promotion Clicked" Nothing,
    ProductClicked "product_clicked" "Product Clicked" OneProduct,
    ProductViewed "product_viewed" "Product Viewed" OneProduct,
    ProductAdded "product_added" "Product Added" OneProduct,
    ProductRemoved "product_removed" "Product Removed" OneProduct,
    CartViewed "cart_viewed" "Cart Viewed" Nothing,
    CheckoutStarted "checkout_started" "Checkout Started" Nothing,
    CheckoutStepViewed "checkout_step_viewed" "Checkout Step Viewed" Nothing,
    CheckoutStepCompleted "checkout_step_completed" "Checkout Step Completed" Nothing,
    PaymentInfoEntered "payment_info_entered" "Payment Info Entered" Nothing,
    OrderUpdated "order_updated" "Order Updated" Order,
    OrderCompleted "order_completed" "Order Completed" OrderWithProducts,
    OrderRefunded "order_refunded" "Order Refunded" Order,
    OrderCancelled "order_cancelled" "Order Cancelled" Order,
    CouponEntered "coupon_entered" "Coupon Entered" Nothing,
    CouponApplied "coupon_applied" "Coupon Applied" Nothing,
    CouponDenied "coupon_denied" "Coupon Denied" Nothing,
    CouponRemoved "coupon_removed" "Coupon Removed" Nothing,
    ProductAddedToWishlist "product_added_to_wishlist" "Product Added to Wishlist" OneProduct,
    ProductRemovedFromWishlist "product_removed_from_wishlist" "Product Removed from Wishlist" OneProduct,
    WishlistProductAddedToCart "wishlist_product_added_to_cart" "Wishlist Product Added to Cart" OneProduct,
    ProductShared "product_shared" "Product Shared" OneProduct,
    CartShared "cart_shared" "Cart Shared" Nothing,
    ProductReviewed "product_reviewed" "Product Reviewed" OneProduct,
    ProductRated "product_rated" "Product Rated" Rating,
    Impression "impression" "Impression" Products,
    ProductDwelled "product_dwelled" "Product Dwelled" Duration,
    PageScrolled "page_scrolled" "Page Scrolled" Depth,
    PreferenceDeclared "preference_declared" "Preference Declared" Preference,
}

impl EventKind {
    /// Accepts our name and Segment's, whatever the letter case.
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = text.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        Self::ALL.iter().copied().find(|kind| kind.as_str() == canonical)
    }

    /// What the event says about a user's liking of its products, if anything.
    pub fn interaction(self) -> Option<InteractionType> {
        use InteractionType as I;
        Some(match self {
            Self::Impression => I::Impression,
            Self::ProductClicked => I::Click,
            Self::ProductViewed => I::View,
            Self::ProductAdded | Self::WishlistProductAddedToCart => I::Cart,
            Self::ProductRemoved => I::Uncart,
            Self::ProductAddedToWishlist => I::Wishlist,
            Self::ProductShared => I::Share,
            Self::OrderCompleted => I::Purchase,
            Self::OrderRefunded => I::Refund,
            Self::ProductReviewed | Self::ProductRated => I::Rating,
            Self::ProductDwelled => I::Dwell,
            _ => return None,
        })
    }
}

/// What somebody says about a product or a category when asked. It is no rating: whoever likes a category's mug has not
/// judged it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    Unknown,
    Dislike,
    Like,
}

impl Preference {
    pub const ALL: [Self; 3] = [Self::Like, Self::Dislike, Self::Unknown];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Like => "like",
            Self::Dislike => "dislike",
            Self::Unknown => "unknown",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preference| text.trim().eq_ignore_ascii_case(preference.as_str()))
    }
}

/// How a user touched a product: the `interaction_type` of features and training.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionType {
    Impression,
    Click,
    View,
    Dwell,
    Share,
    Wishlist,
    Cart,
    Uncart,
    Purchase,
    Refund,
    Rating,
}

impl InteractionType {
    pub const ALL: [Self; 11] = [
        Self::Impression,
        Self::Click,
        Self::View,
        Self::Dwell,
        Self::Share,
        Self::Wishlist,
        Self::Cart,
        Self::Uncart,
        Self::Purchase,
        Self::Refund,
        Self::Rating,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Impression => "impression",
            Self::Click => "click",
            Self::View => "view",
            Self::Dwell => "dwell",
            Self::Share => "share",
            Self::Wishlist => "wishlist",
            Self::Cart => "cart",
            Self::Uncart => "uncart",
            Self::Purchase => "purchase",
            Self::Refund => "refund",
            Self::Rating => "rating",
        }
    }

    /// Default strength of liking: a purchase says more than a glance. Zero where the sign of the liking is unknown.
    pub fn weight(self) -> f32 {
        match self {
            Self::Impression | Self::Uncart | Self::Refund => 0.0,
            Self::Click | Self::View | Self::Dwell => 1.0,
            Self::Share | Self::Wishlist | Self::Rating => 2.0,
            Self::Cart => 3.0,
            Self::Purchase => 5.0,
        }
    }
}

/// Who delivered the event; a server is believed more than a browser.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Browser,
    #[default]
    Server,
    Webhook,
    Import,
}

impl Channel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Server => "server",
            Self::Webhook => "webhook",
            Self::Import => "import",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentState {
    Granted,
    Denied,
    /// The sender said nothing; the shop's policy decides what that allows.
    #[default]
    Unknown,
}

/// What the shopper allowed when the event happened. It travels with the event for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consent {
    pub personalization: ConsentState,
    pub analytics: ConsentState,
    pub marketing: ConsentState,
}

impl Consent {
    pub const GRANTED: Self = Self {
        personalization: ConsentState::Granted,
        analytics: ConsentState::Granted,
        marketing: ConsentState::Granted,
    };

    pub fn allows_personalization(self) -> bool {
        self.personalization != ConsentState::Denied
    }
}

/// One product inside an event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Line {
    pub product_id: ProductId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant_id: Option<String>,
    #[serde(default = "one")]
    pub quantity: u32,
    /// Price of one unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// 1-based place in the list or slate it was shown in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u16>,
}

fn one() -> u32 {
    1
}

impl Line {
    pub fn of(product_id: ProductId) -> Self {
        Self { product_id, variant_id: None, quantity: 1, price: None, position: None }
    }
}

/// The parts of an order's money, kept apart: specs disagree about what "revenue" includes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Order {
    pub order_id: OrderId,
    /// After discounts, before tax and shipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtotal: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Money>,
    /// IGV in Peru.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Money>,
    /// All in: what was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
}

impl Order {
    pub fn of(order_id: OrderId) -> Self {
        Self { order_id, subtotal: None, discount: None, tax: None, shipping: None, total: None }
    }

    fn amounts(&self) -> impl Iterator<Item = Money> + '_ {
        [self.subtotal, self.discount, self.tax, self.shipping, self.total].into_iter().flatten()
    }
}

/// The details that only some kinds carry.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How many products the search found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion_id: Option<String>,
    /// The probability with which the promotion was chosen to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout_step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Stars, 0 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// What was said about the product or, where there is none, about `category`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preference: Option<Preference>,
    /// How far down the page, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<f32>,
}

/// One thing that happened, checked, identified and ready for the log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    pub message_id: MessageId,
    pub kind: EventKind,
    /// The known user where there is one, else the anonymous visitor.
    pub user: UserKey,
    /// The visitor's anonymous key when a known user sent it too: the link from before the login to after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<UserKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// When it happened, corrected for the sender's clock.
    pub occurred_at: Timestamp,
    /// When it reached us.
    pub received_at: Timestamp,
    pub channel: Channel,
    #[serde(default)]
    pub consent: Consent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation_id: Option<RecommendationId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<Line>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    #[serde(default)]
    pub details: Details,
}

/// Most products in one event; a cart or list longer than this is a mistake or an attack.
pub const LINES_MAX: usize = 500;

/// Longest category that a preference can be about; catalogues accept no longer ones.
const CATEGORY_BYTES_MAX: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    #[error("{kind} needs {wanted}, got {got}")]
    Missing { kind: &'static str, wanted: &'static str, got: &'static str },
    #[error("{kind} has {got} products, at most {LINES_MAX} are accepted; send several events")]
    TooManyProducts { kind: &'static str, got: usize },
    #[error("{field} must be {wanted}, got {got}")]
    Range { field: &'static str, wanted: &'static str, got: String },
    #[error("the amounts of one event must share a currency, got {left} and {right}")]
    MixedCurrencies { left: String, right: String },
}

impl EventError {
    /// The stable code that callers switch on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing_field",
            Self::TooManyProducts { .. } => "too_many_products",
            Self::Range { .. } => "out_of_range",
            Self::MixedCurrencies { .. } => "mixed_currencies",
        }
    }
}

impl Event {
    /// Does it carry what its kind needs, within sane bounds?
    ///
    /// # Errors
    /// The first thing that is missing or out of range.
    pub fn check(&self) -> Result<(), EventError> {
        self.check_needs()?;
        self.check_ranges()?;
        self.check_currencies()
    }

    fn check_needs(&self) -> Result<(), EventError> {
        let one_product = self.products.len() == 1;
        let (met, wanted) = match self.kind.needs() {
            Needs::Nothing => (true, ""),
            Needs::OneProduct => (one_product, "exactly one product"),
            Needs::Products => (!self.products.is_empty(), "at least one product"),
            Needs::OrderWithProducts => {
                (self.order.is_some() && !self.products.is_empty(), "an order_id and at least one product")
            }
            Needs::Order => (self.order.is_some(), "an order_id"),
            Needs::Query => (self.details.query.is_some(), "a query"),
            Needs::Rating => (one_product && self.details.rating.is_some(), "exactly one product and a rating"),
            Needs::Duration => {
                (one_product && self.details.duration_ms.is_some(), "exactly one product and duration_ms")
            }
            Needs::Depth => (self.details.depth.is_some(), "a depth"),
            Needs::Preference => {
                let about = one_product || (self.products.is_empty() && self.details.category.is_some());
                (about && self.details.preference.is_some(), "a preference and exactly one product or a category")
            }
        };
        if met {
            return Ok(());
        }
        let got = match self.products.len() {
            0 if self.order.is_none() => "neither products nor an order",
            0 => "no product",
            1 => "one product",
            _ => "several products",
        };
        Err(EventError::Missing { kind: self.kind.as_str(), wanted, got })
    }

    fn check_ranges(&self) -> Result<(), EventError> {
        if self.products.len() > LINES_MAX {
            return Err(EventError::TooManyProducts { kind: self.kind.as_str(), got: self.products.len() });
        }
        let range = |field, wanted, got: String| Err(EventError::Range { field, wanted, got });
        for line in &self.products {
            if !(1..=1_000_000).contains(&line.quantity) {
                return range("quantity", "1 to 1,000,000", line.quantity.to_string());
            }
            if let Some(price) = line.price.filter(|price| price.minor < 0) {
                return range("price", "zero or more", price.to_string());
            }
        }
        let category_bytes = self.details.category.as_ref().map_or(0, String::len);
        if self.kind == EventKind::PreferenceDeclared && category_bytes > CATEGORY_BYTES_MAX {
            return range("category", "at most 2,000 bytes", category_bytes.to_string());
        }
        if let Some(rating) = self.details.rating.filter(|rating| !(0.0..=5.0).contains(rating)) {
            return range("rating", "0 to 5", rating.to_string());
        }
        if let Some(depth) = self.details.depth.filter(|depth| !(0.0..=1.0).contains(depth)) {
            return range("depth", "0 to 1", depth.to_string());
        }
        Ok(())
    }

    fn check_currencies(&self) -> Result<(), EventError> {
        let lines = self.products.iter().filter_map(|line| line.price);
        let mut amounts = lines.chain(self.order.iter().flat_map(Order::amounts)).map(|money| money.currency);
        let Some(left) = amounts.next() else { return Ok(()) };
        match amounts.find(|right| *right != left) {
            Some(right) => Err(EventError::MixedCurrencies { left: left.to_string(), right: right.to_string() }),
            None => Ok(()),
        }
    }

    /// Σ price × quantity of the lines that have a price, in minor units: goods without shipping or tax.
    pub fn goods_minor(&self) -> i64 {
        self.products
            .iter()
            .filter_map(|line| line.price.map(|price| price.times(line.quantity).minor))
            .fold(0i64, i64::saturating_add)
    }
}

/// A place in the event log: the first event has position 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    pub const START: Self = Self(0);

    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An event with its place in the log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recorded {
    pub position: Position,
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Currency;

    fn event(kind: EventKind, products: &[&str]) -> Event {
        Event {
            message_id: MessageId::new("m1").unwrap(),
            kind,
            user: UserKey([7; 16]),
            anonymous: None,
            session_id: None,
            occurred_at: Timestamp::from_seconds(1),
            received_at: Timestamp::from_seconds(2),
            channel: Channel::Server,
            consent: Consent::default(),
            placement: None,
            recommendation_id: None,
            products: products.iter().map(|id| Line::of(ProductId::new(id).unwrap())).collect(),
            order: None,
            details: Details::default(),
        }
    }

    #[test]
    fn every_kind_reads_back_from_both_of_its_names() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
            assert_eq!(EventKind::parse(kind.segment_name()), Some(*kind));
        }
        assert_eq!(EventKind::parse("product eaten"), None);
    }

    #[test]
    fn a_kind_gets_what_it_needs_or_says_so() {
        assert_eq!(event(EventKind::ProductViewed, &["a"]).check(), Ok(()));
        let error = event(EventKind::ProductViewed, &[]).check().unwrap_err();
        assert_eq!(error.to_string(), "product_viewed needs exactly one product, got neither products nor an order");
        assert!(event(EventKind::OrderCompleted, &["a"]).check().is_err());
        assert!(event(EventKind::ProductsSearched, &[]).check().is_err());
    }

    #[test]
    fn a_preference_is_about_one_product_or_a_category() {
        let mut declared = event(EventKind::PreferenceDeclared, &[]);
        declared.details.preference = Some(Preference::Like);
        assert!(declared.check().is_err());
        declared.details.category = Some("Cocina".into());
        assert_eq!(declared.check(), Ok(()));
        declared.details.preference = None;
        assert!(declared.check().is_err());
        assert_eq!(EventKind::PreferenceDeclared.interaction(), None, "it is not behaviour, and no rating");
    }

    #[test]
    fn money_of_one_event_has_one_currency() {
        let mut order = event(EventKind::OrderCompleted, &["a"]);
        order.order =
            Some(Order { total: Some(Money::new(100, Currency::PEN)), ..Order::of(OrderId::new("1").unwrap()) });
        order.products[0].price = Some(Money::new(100, Currency::USD));
        assert_eq!(order.check().unwrap_err().code(), "mixed_currencies");
        order.products[0].price = Some(Money::new(-100, Currency::PEN));
        assert_eq!(order.check().unwrap_err().code(), "out_of_range");
        order.products[0].price = Some(Money::new(250, Currency::PEN));
        order.products[0].quantity = 3;
        assert_eq!((order.check(), order.goods_minor()), (Ok(()), 750));
    }
}
