//! Conditions on products, in one line that merchants and integrators write:
//! `price <= 200 and category in ("Zapatillas", "Sandalias") and stock > 0 and seller != "x"`.
//!
//! | what | how |
//! |---|---|
//! | fields of text | `product_id`, `category` (any on the product's path), `brand`, `seller`, `availability`, `attributes.color`, `attributes."Tamaño de pantalla"` |
//! | fields of numbers | `price`, `list_price`, `cost_of_goods_sold` (decimals of the shop's currency), `discount_percent`, `margin_percent`, `stock`, `age_days` (since it was listed) |
//! | yes or no | `available` |
//! | comparisons | `=` `!=` `<` `<=` `>` `>=` `in (…)` `not in (…)` `is null` `is not null` |
//! | together | `not` before `and` before `or`; parentheses |
//!
//! Keywords are written in any case; text stands in double or single quotes and is compared exactly. What a product does not
//! say equals nothing and lies neither above nor below anything; `!=`, `not in` and `not` are the plain opposites, so a
//! product without a seller passes `seller != "x"`.

mod parse;
mod token;

use std::fmt;

use crate::{Currency, Money, Product, Timestamp};

/// Longest text of a filter, in bytes.
pub const TEXT_MAX: usize = 4_096;
/// Most values in all its comparisons, which bounds what one product costs.
pub const VALUES_MAX: usize = 500;
/// Deepest nesting of parentheses and `not`.
pub const DEPTH_MAX: usize = 32;

/// A checked condition: what was written, ready to be asked of many products.
#[derive(Clone, PartialEq, Debug)]
pub struct Filter {
    text: String,
    condition: Condition,
}

/// What is wrong with a filter, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{detail} at character {}: {}", self.character(), self.pointed())]
pub struct FilterError {
    detail: String,
    text: String,
    /// Byte offset in `text`.
    at: usize,
}

impl Filter {
    /// Reads a filter; amounts are in `currency`.
    ///
    /// # Errors
    /// Names the first character that does not fit and what was wanted there.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, FilterError> {
        parse::condition(text, currency).map(|condition| Self { text: text.to_owned(), condition })
    }

    pub fn admits(&self, product: &Product, now: Timestamp) -> bool {
        self.condition.holds(product, now)
    }

    /// May the answer for one and the same product change as time goes by?
    pub fn depends_on_time(&self) -> bool {
        self.condition.reads(|field| field == NumberField::AgeDays)
    }

    /// Does it go by what products cost the shop, which only the shop may know?
    pub fn reads_cost(&self) -> bool {
        self.condition.reads(|field| matches!(field, NumberField::Cost(_) | NumberField::MarginPercent))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FilterError {
    fn new(text: &str, at: usize, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), text: text.to_owned(), at }
    }

    /// Where, counted in characters from 1.
    pub fn character(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    /// The neighbourhood of the error with `▸` before it.
    fn pointed(&self) -> String {
        const AROUND: usize = 30;
        let (before, after) = self.text.split_at(self.at);
        let skipped = before.chars().count().saturating_sub(AROUND);
        let mut near: String = if skipped > 0 { "…".to_owned() } else { String::new() };
        near.extend(before.chars().skip(skipped));
        near.push('▸');
        near.extend(after.chars().take(AROUND));
        if after.chars().nth(AROUND).is_some() {
            near.push('…');
        }
        near
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// One of the field's texts is among these, which are sorted.
    TextIn(TextField, Vec<String>),
    NumberIs(NumberField, Comparison, f64),
    TextKnown(TextField),
    NumberKnown(NumberField),
    Available,
}

#[derive(Clone, PartialEq, Debug)]
enum TextField {
    ProductId,
    Category,
    Brand,
    Seller,
    Availability,
    Attribute(String),
}

/// Amounts are in minor units of the currency.
#[derive(Clone, Copy, PartialEq, Debug)]
enum NumberField {
    Price(Currency),
    ListPrice(Currency),
    Cost(Currency),
    DiscountPercent,
    MarginPercent,
    Stock,
    AgeDays,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Does any part ask a number of this kind?
    fn reads(&self, is_one: impl Fn(NumberField) -> bool + Copy) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.reads(is_one)),
            Self::Not(part) => part.reads(is_one),
            Self::NumberIs(field, ..) | Self::NumberKnown(field) => is_one(*field),
            Self::TextIn(..) | Self::TextKnown(_) | Self::Available => false,
        }
    }

    fn holds(&self, product: &Product, now: Timestamp) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(product, now)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(product, now)),
            Self::Not(part) => !part.holds(product, now),
            Self::TextIn(field, among) => field.any(product, |text| is_among(text, among)),
            Self::NumberIs(field, comparison, than) => {
                field.of(product, now).is_some_and(|number| comparison.holds(number, *than))
            }
            Self::TextKnown(field) => field.any(product, |_| true),
            Self::NumberKnown(field) => field.of(product, now).is_some(),
            Self::Available => product.is_available(),
        }
    }
}

fn is_among(text: &str, sorted: &[String]) -> bool {
    sorted.binary_search_by(|among| among.as_str().cmp(text)).is_ok()
}

impl TextField {
    /// Whether one of the product's texts in this field is as wanted; a product without any has none that is.
    fn any(&self, product: &Product, is_wanted: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::ProductId => is_wanted(product.product_id.as_str()),
            Self::Category => product.categories.iter().any(|category| is_wanted(category)),
            Self::Brand => product.brand.as_deref().is_some_and(is_wanted),
            Self::Seller => product.seller.as_deref().is_some_and(is_wanted),
            Self::Availability => is_wanted(product.availability.as_str()),
            Self::Attribute(name) => product.attributes.get(name).is_some_and(|value| is_wanted(value)),
        }
    }
}

impl NumberField {
    fn of(self, product: &Product, now: Timestamp) -> Option<f64> {
        let minor = |amount: Option<Money>, wanted| Some(amount.filter(|money| money.currency == wanted)?.minor as f64);
        match self {
            Self::Price(currency) => minor(product.price, currency),
            Self::ListPrice(currency) => minor(product.list_price, currency),
            Self::Cost(currency) => minor(product.cost_of_goods_sold, currency),
            Self::DiscountPercent => product.discount_percent(),
            Self::MarginPercent => product.margin_percent(),
            Self::Stock => product.stock.map(f64::from),
            Self::AgeDays => product.listed_at.map(|at| now.days_since(at)),
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, than: f64) -> bool {
        match self {
            Self::Equal => number == than,
            Self::Less => number < than,
            Self::LessOrEqual => number <= than,
            Self::Greater => number > than,
            Self::GreaterOrEqual => number >= than,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProductId, time::DAY};

    fn shoe() -> Product {
        let mut shoe = Product::new(ProductId::new("Z-1").unwrap(), "Zapatilla urbana");
        shoe.categories = vec!["Moda".into(), "Zapatillas".into()];
        shoe.brand = Some("Inca".into());
        shoe.price = Some(Money::new(19_990, Currency::PEN));
        shoe.list_price = Some(Money::new(24_990, Currency::PEN));
        shoe.cost_of_goods_sold = Some(Money::new(9_995, Currency::PEN));
        shoe.stock = Some(3);
        shoe.attributes.insert("Talla (EU)".into(), "42".into());
        shoe.listed_at = Some(Timestamp::from_micros(0));
        shoe
    }

    fn admits(text: &str) -> bool {
        let filter = Filter::parse(text, Currency::PEN).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(filter.to_string(), text);
        filter.admits(&shoe(), Timestamp::from_micros(10 * DAY))
    }

    #[test]
    fn admits_what_the_words_say() {
        for text in [
            r#"price <= 200 and category in ("Zapatillas") and stock > 0 and seller != "x""#,
            "price = 199.90",
            "price <= 199.9",
            "NOT price < 199.90",
            "discount_percent >= 20 AND discount_percent < 20.1",
            "brand = 'Inca'",
            r#"category = "Moda""#,
            r#"category not in ("Hogar", "Cocina")"#,
            r#"attributes."Talla (EU)" = "42""#,
            "attributes.color is null and brand is not null and stock is not null",
            "available",
            "not not available",
            "stock in (1, 3)",
            "stock != 4",
            "age_days = 10",
            "cost_of_goods_sold = 99.95 and margin_percent = 50",
            r#"availability = "in_stock""#,
            // `and` binds tighter than `or`.
            "available or available and stock > 100",
            "(available or available) and stock < 100",
        ] {
            assert!(admits(text), "{text}");
        }
        for text in [
            "price < 199.90",
            "price > 199.90",
            "list_price is null",
            "not available",
            r#"seller = "x""#,
            r#"category != "Moda""#,
            "(available or available) and stock > 100",
            r#"brand = "inca""#,
            "age_days < 10",
            "stock > 3 or attributes.color is not null",
        ] {
            assert!(!admits(text), "{text}");
        }
    }

    #[test]
    fn what_a_product_does_not_say_equals_nothing() {
        let bare = Product::new(ProductId::new("b").unwrap(), "?");
        let admits = |text: &str| Filter::parse(text, Currency::PEN).unwrap().admits(&bare, Timestamp::from_micros(0));
        assert!(!admits("price < 1000000") && !admits("price >= 0") && !admits("stock = 0"));
        assert!(admits("not price < 1000000") && admits("stock != 0") && admits(r#"seller != "x""#));
        let dollars = Filter::parse("price > 0", Currency::USD).unwrap();
        assert!(!dollars.admits(&shoe(), Timestamp::from_micros(0)), "soles are no dollars");
    }

    #[test]
    fn a_filter_tells_what_it_goes_by() {
        let parse = |text: &str| Filter::parse(text, Currency::PEN).unwrap();
        assert!(parse("stock > 1 or not (age_days < 3)").depends_on_time() && !parse("stock > 1").depends_on_time());
        assert!(parse("not margin_percent > 3").reads_cost() && parse("cost_of_goods_sold is null").reads_cost());
        assert!(!parse("price > 1 and brand = 'margin_percent'").reads_cost());
    }

    #[test]
    fn errors_point_at_the_character() {
        for (text, wanted) in [
            ("", "wanted a field, got the end at character 1: ▸"),
            ("price <= and stock > 0", "wanted a number, got `and` at character 10: price <= ▸and stock > 0"),
            ("precio <= 200", "`precio` is no field; did you mean `price`?"),
            ("price <= \"200\"", "wanted a number, got \"200\" at character 10"),
            ("brand = Inca", "wanted text in quotes, got `Inca` at character 9"),
            ("brand < \"b\"", "text has no order; wanted `=`, `!=`, `in` or `is`, got `<` at character 7"),
            ("price <= 199.999", "with at most 2 decimals, such as 99.90 at character 10"),
            ("stock > 0 stock < 3", "wanted `and`, `or` or the end, got `stock` at character 11"),
            ("(stock > 0", "wanted `)`, got the end at character 11"),
            ("brand = \"Inca", "a text begins here and does not end at character 9"),
            ("brand in ()", "wanted text in quotes, got `)` at character 11"),
            ("ñandú = 3", "`ñandú` is no field"),
            ("stock > 1 # 4", "`#` has no meaning here at character 11"),
            ("brand = “Inca”", "wanted a straight quote (\" or '), got `“` at character 9"),
            ("attributes = 3", "wanted `.` and the attribute's name, got `=` at character 12"),
        ] {
            let error = Filter::parse(text, Currency::PEN).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_costs_too_much_is_refused() {
        let refused = |text: &str| Filter::parse(text, Currency::PEN).unwrap_err().to_string();
        assert!(refused(&"(".repeat(DEPTH_MAX + 1)).contains("nested deeper than 32"));
        assert!(refused(&"not ".repeat(DEPTH_MAX + 1)).contains("nested deeper than 32"));
        assert!(refused(&format!("brand = \"{}\"", "x".repeat(TEXT_MAX))).contains("at most 4096"));
        let values = |n: usize| format!("stock in ({}1)", "1,".repeat(n - 1));
        assert!(Filter::parse(&values(VALUES_MAX), Currency::PEN).is_ok());
        assert!(refused(&values(VALUES_MAX + 1)).contains("more than 500 values"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_filter_or_an_error(text in "(?s).{0,80}") {
            if let Err(error) = Filter::parse(&text, Currency::PEN) {
                proptest::prop_assert!(error.to_string().contains("at character"));
            }
        }

        #[test]
        fn tokens_in_any_order_are_a_filter_or_an_error(words in proptest::collection::vec(proptest::sample::select(
            vec!["price", "brand", "available", "and", "or", "not", "in", "is", "null", "(", ")", ",", "<", "=", "1.5", "'a'", "attributes", "."],
        ), 0..12)) {
            let _ = Filter::parse(&words.join(" "), Currency::PEN);
        }
    }
}
