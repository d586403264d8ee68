//! The names under which the world sends our event kinds.

use domain::EventKind;

/// Beside our names and Segment's, which [`EventKind::parse`] knows: GA4, Google Retail, VTEX, and the words of
/// analysts' tables and public data sets (`interaction_type`).
const ALIASES: [(&str, EventKind); 52] = {
    use EventKind as K;
    [
        // GA4
        ("page_view", K::PageViewed),
        ("search", K::ProductsSearched),
        ("view_search_results", K::ProductsSearched),
        ("view_item_list", K::ProductListViewed),
        ("view_promotion", K::PromotionViewed),
        ("select_promotion", K::PromotionClicked),
        ("select_item", K::ProductClicked),
        ("view_item", K::ProductViewed),
        ("add_to_cart", K::ProductAdded),
        ("remove_from_cart", K::ProductRemoved),
        ("view_cart", K::CartViewed),
        ("begin_checkout", K::CheckoutStarted),
        ("add_shipping_info", K::CheckoutStepCompleted),
        ("add_payment_info", K::PaymentInfoEntered),
        ("purchase", K::OrderCompleted),
        ("refund", K::OrderRefunded),
        ("add_to_wishlist", K::ProductAddedToWishlist),
        ("remove_from_wishlist", K::ProductRemovedFromWishlist),
        ("share", K::ProductShared),
        ("scroll", K::PageScrolled),
        // Google Retail
        ("home_page_view", K::PageViewed),
        ("category_page_view", K::ProductListViewed),
        ("detail_page_view", K::ProductViewed),
        ("shopping_cart_page_view", K::CartViewed),
        ("purchase_complete", K::OrderCompleted),
        // VTEX
        ("vtex:pageview", K::PageViewed),
        ("vtex:productimpression", K::ProductListViewed),
        ("vtex:productclick", K::ProductClicked),
        ("vtex:productview", K::ProductViewed),
        ("vtex:addtocart", K::ProductAdded),
        ("vtex:removefromcart", K::ProductRemoved),
        ("vtex:orderplaced", K::OrderCompleted),
        // Analysts
        ("view", K::ProductViewed),
        ("viewed", K::ProductViewed),
        ("product_view", K::ProductViewed),
        ("click", K::ProductClicked),
        ("clicked", K::ProductClicked),
        ("cart", K::ProductAdded),
        ("addtocart", K::ProductAdded),
        ("uncart", K::ProductRemoved),
        ("buy", K::OrderCompleted),
        ("transaction", K::OrderCompleted),
        ("order", K::OrderCompleted),
        ("return", K::OrderRefunded),
        ("wishlist", K::ProductAddedToWishlist),
        ("favorite", K::ProductAddedToWishlist),
        ("rating", K::ProductRated),
        ("rate", K::ProductRated),
        ("review", K::ProductReviewed),
        ("dwell", K::ProductDwelled),
        ("impressions", K::Impression),
        ("screen_view", K::PageViewed),
    ]
};

/// The kind of this name, whatever its letter case and whether words are parted by spaces, hyphens or underscores.
pub fn kind_of(name: &str) -> Option<EventKind> {
    if name.len() > 64 {
        return None;
    }
    EventKind::parse(name).or_else(|| {
        let canonical = name.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        ALIASES.iter().find(|(alias, _)| *alias == canonical).map(|(_, kind)| *kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_happening_has_many_names() {
        for name in ["Product Viewed", "product_viewed", "view_item", "VIEW", "detail-page-view", "vtex:productView"] {
            assert_eq!(kind_of(name), Some(EventKind::ProductViewed), "{name}");
        }
        assert_eq!(kind_of("signed_up"), None);
    }
}
