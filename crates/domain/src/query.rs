//! What a placement asks for.

use crate::{Filter, Money, PlacementId, Product, ProductId, Timestamp, UserKey};

/// Conditions that every product of the slate must meet.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Filters {
    /// Leave out what can't be bought now.
    pub available: bool,
    /// At least one of these on the product's category path; empty allows all.
    pub categories: Vec<String>,
    pub brands: Vec<String>,
    pub price_min: Option<Money>,
    pub price_max: Option<Money>,
    /// Anything else, in the filter language.
    pub condition: Option<Filter>,
}

impl Filters {
    /// The first condition that the product fails, named; `None` when it passes.
    pub fn refuses(&self, product: &Product, now: Timestamp) -> Option<&'static str> {
        if self.available && !product.is_available() {
            return Some("stock");
        }
        if !self.categories.is_empty() && !product.categories.iter().any(|c| self.categories.contains(c)) {
            return Some("category");
        }
        if !self.brands.is_empty() && !product.brand.as_ref().is_some_and(|brand| self.brands.contains(brand)) {
            return Some("brand");
        }
        let within = |bound: Option<Money>, keep: fn(i64, i64) -> bool| {
            bound.is_none_or(|bound| {
                product.price.is_some_and(|price| price.currency == bound.currency && keep(price.minor, bound.minor))
            })
        };
        if !within(self.price_min, |price, min| price >= min) || !within(self.price_max, |price, max| price <= max) {
            return Some("price");
        }
        if self.condition.as_ref().is_some_and(|condition| !condition.admits(product, now)) {
            return Some("where");
        }
        None
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    pub placement: PlacementId,
    /// The known user where there is one, else the anonymous visitor; `None` for nobody in particular.
    pub user: Option<UserKey>,
    /// The same visitor's anonymous key, when both are known: what was browsed before the login counts too.
    pub anonymous: Option<UserKey>,
    /// What the shopper looks at now.
    pub products: Vec<ProductId>,
    pub cart: Vec<ProductId>,
    pub filters: Filters,
    pub exclude: Vec<ProductId>,
    /// Fingerprints of what earlier parts of the same list showed: see `serve::cursor`.
    pub shown: Vec<u32>,
    /// Groups that the shopper belongs to, as the shop names them.
    pub segments: Vec<String>,
    /// The shopper sells here under this name: own products are not recommended to them.
    pub seller: Option<String>,
    /// How many products the slate should have.
    pub n: usize,
    pub explain: bool,
    pub now: Timestamp,
}

impl Query {
    /// What can be bought now, for somebody who is about nothing in particular.
    pub fn of_user(placement: PlacementId, user: UserKey, n: usize, now: Timestamp) -> Self {
        Self {
            placement,
            user: Some(user),
            anonymous: None,
            products: Vec::new(),
            cart: Vec::new(),
            filters: Filters { available: true, ..Filters::default() },
            exclude: Vec::new(),
            shown: Vec::new(),
            segments: Vec::new(),
            seller: None,
            n,
            explain: false,
            now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Currency;

    #[test]
    fn a_refused_product_names_the_condition() {
        let mut product = Product::new(ProductId::new("a").unwrap(), "Zapatilla");
        product.categories = vec!["Moda".into(), "Zapatillas".into()];
        product.price = Some(Money::new(19_990, Currency::PEN));
        let check = |filters: Filters| filters.refuses(&product, Timestamp::from_micros(0));
        assert_eq!(check(Filters::default()), None);
        assert_eq!(check(Filters { categories: vec!["Moda".into()], ..Filters::default() }), None);
        assert_eq!(check(Filters { categories: vec!["Hogar".into()], ..Filters::default() }), Some("category"));
        assert_eq!(check(Filters { brands: vec!["Inca".into()], ..Filters::default() }), Some("brand"));
        let at_most = |minor, currency| Filters { price_max: Some(Money::new(minor, currency)), ..Filters::default() };
        assert_eq!(check(at_most(19_990, Currency::PEN)), None);
        assert_eq!(check(at_most(19_989, Currency::PEN)), Some("price"));
        assert_eq!(check(at_most(99_999, Currency::USD)), Some("price"));
        let condition = Filter::parse("price > 500", Currency::PEN).ok();
        assert_eq!(check(Filters { condition, ..Filters::default() }), Some("where"));
    }
}
