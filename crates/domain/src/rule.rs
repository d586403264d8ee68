//! What a merchandiser asks for, beside what was learned: this product first, more of these, none of those.

use serde::{Deserialize, Serialize};

use crate::{Currency, Filter, FilterError, ProductId, Target, id::text_id, target::TargetError};

text_id!(
    /// One rule; chosen by who makes it, or by us.
    RuleId,
    "rule_id"
);

/// Longest name of a rule, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// Most products of one pin, and the last place of one.
const PINNED_MAX: usize = 20;
const POSITION_MAX: usize = 100;
/// What a factor may do: the tenfold, or a hundredth.
const BOOST_MAX: f32 = 10.0;
const BURY_MIN: f32 = 0.01;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub rule_id: RuleId,
    /// For people.
    #[serde(default)]
    pub name: String,
    #[serde(default = "enabled")]
    pub enabled: bool,
    #[serde(default)]
    pub target: Target,
    /// Which products, in the filter language.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    pub action: Action,
}

fn enabled() -> bool {
    true
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// These, in this order, from this place on; 1 is the first.
    Pin { product_ids: Vec<ProductId>, position: usize },
    /// So many times the relevance, above 1.
    Boost { factor: f32 },
    /// So many times the relevance, below 1.
    Bury { factor: f32 },
    /// At least so many places for the products that suit the shopper best, taken from the end of the slate.
    Include { places: usize },
    /// None of them.
    Exclude,
    /// At most so many with one value of the attribute; without an attribute, so many of them in all.
    Cap {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attribute: Option<String>,
        max: usize,
    },
    /// More variety of category and brand: 0 relevance alone – 1 variety alone.
    Diversify { strength: f32 },
    /// Only what has the same value as the product that is looked at.
    Same { attribute: String },
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RuleError {
    #[error("name has {got} bytes, at most {NAME_BYTES_MAX} are accepted")]
    Name { got: usize },
    #[error("where: {0}")]
    Condition(#[from] FilterError),
    #[error("{kind} says what happens to products, so `where` must say to which, such as \"brand = 'Inca'\"")]
    NoCondition { kind: &'static str },
    #[error("{kind} is not about some products; leave `where` out")]
    NeedlessCondition { kind: &'static str },
    #[error("action.{field} must be {wanted}, got {got}")]
    Value { field: &'static str, wanted: String, got: String },
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl Action {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Pin { .. } => "pin",
            Self::Boost { .. } => "boost",
            Self::Bury { .. } => "bury",
            Self::Include { .. } => "include",
            Self::Exclude => "exclude",
            Self::Cap { .. } => "cap",
            Self::Diversify { .. } => "diversify",
            Self::Same { .. } => "same",
        }
    }

    fn check(&self) -> Result<(), RuleError> {
        let value = |field, holds: bool, wanted: String, got: String| match holds {
            true => Ok(()),
            false => Err(RuleError::Value { field, wanted, got }),
        };
        let attribute = |name: &str| {
            let wanted = "category, brand, seller or attributes.NAME".to_owned();
            value("attribute", crate::product::is_attribute(name), wanted, format!("{name:?}"))
        };
        let places = |field, n: usize| {
            value(field, (1..=POSITION_MAX).contains(&n), format!("1 to {POSITION_MAX}"), n.to_string())
        };
        match self {
            Self::Pin { product_ids, position } => {
                places("position", *position)?;
                let n = product_ids.len();
                value("product_ids", (1..=PINNED_MAX).contains(&n), format!("1 to {PINNED_MAX} ids"), n.to_string())
            }
            Self::Boost { factor } => {
                let holds = *factor > 1.0 && *factor <= BOOST_MAX;
                value("factor", holds, format!("above 1 and at most {BOOST_MAX}"), factor.to_string())
            }
            Self::Bury { factor } => {
                let holds = *factor >= BURY_MIN && *factor < 1.0;
                value("factor", holds, format!("{BURY_MIN} or more and below 1"), factor.to_string())
            }
            Self::Include { places: n } => places("places", *n),
            Self::Cap { attribute: name, max } => {
                places("max", *max)?;
                name.as_deref().map_or(Ok(()), attribute)
            }
            Self::Diversify { strength } => {
                value("strength", (0.0..=1.0).contains(strength), "0 to 1".to_owned(), strength.to_string())
            }
            Self::Same { attribute: name } => attribute(name),
            Self::Exclude => Ok(()),
        }
    }

    /// Does it need to be said to which products? `None`: as one likes.
    fn needs_condition(&self) -> Option<bool> {
        match self {
            Self::Boost { .. } | Self::Bury { .. } | Self::Include { .. } | Self::Exclude => Some(true),
            Self::Pin { .. } | Self::Diversify { .. } | Self::Same { .. } => Some(false),
            Self::Cap { attribute, .. } => attribute.is_none().then_some(true),
        }
    }
}

impl Rule {
    /// The products that it is about, in the filter language, where it is about some; amounts are in `currency`.
    ///
    /// # Errors
    /// Of the first thing that is wrong with the rule.
    pub fn check(&self, currency: Currency) -> Result<Option<Filter>, RuleError> {
        if self.name.len() > NAME_BYTES_MAX {
            return Err(RuleError::Name { got: self.name.len() });
        }
        self.target.check()?;
        self.action.check()?;
        let kind = self.action.kind();
        match (self.action.needs_condition(), &self.condition) {
            (Some(true), None) => Err(RuleError::NoCondition { kind }),
            (Some(false), Some(_)) => Err(RuleError::NeedlessCondition { kind }),
            (_, condition) => Ok(condition.as_deref().map(|text| Filter::parse(text, currency)).transpose()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<(), String> {
        let rule: Rule = serde_json::from_str(json).map_err(|error| error.to_string())?;
        rule.check(Currency::PEN).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn rules_are_written_as_people_say_them() {
        for action in [
            r#""action": {"kind": "pin", "product_ids": ["A1"], "position": 1}"#,
            r#""where": "brand = 'Inca'", "action": {"kind": "boost", "factor": 2}"#,
            r#""where": "stock < 3", "action": {"kind": "bury", "factor": 0.5}"#,
            r#""where": "margin_percent > 30", "action": {"kind": "include", "places": 2}"#,
            r#""where": "seller = 'x'", "action": {"kind": "exclude"}"#,
            r#""action": {"kind": "cap", "attribute": "seller", "max": 2}"#,
            r#""where": "brand = 'Inca'", "action": {"kind": "cap", "max": 2}"#,
            r#""action": {"kind": "diversify", "strength": 0.3}"#,
            r#""action": {"kind": "same", "attribute": "attributes.talla"}"#,
        ] {
            let json = format!(r#"{{"rule_id": "r", "target": {{"placements": ["home"]}}, {action}}}"#);
            assert_eq!(check(&json), Ok(()), "{json}");
            let rule: Rule = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::from_str::<Rule>(&serde_json::to_string(&rule).unwrap()).unwrap(), rule);
        }
    }

    #[test]
    fn a_wrong_rule_says_what_is_wrong() {
        for (rest, wanted) in [
            (r#""action": {"kind": "boost", "factor": 2}"#, "boost says what happens to products, so `where`"),
            (r#""where": "stock > 0", "action": {"kind": "diversify", "strength": 1}"#, "leave `where` out"),
            (
                r#""where": "stock >", "action": {"kind": "exclude"}"#,
                "where: wanted a number, got the end at character 8",
            ),
            (r#""where": "stock > 0", "action": {"kind": "boost", "factor": 0.5}"#, "action.factor must be above 1"),
            (r#""where": "stock > 0", "action": {"kind": "bury", "factor": 0}"#, "action.factor must be 0.01 or more"),
            (
                r#""action": {"kind": "pin", "product_ids": [], "position": 1}"#,
                "action.product_ids must be 1 to 20 ids, got 0",
            ),
            (
                r#""action": {"kind": "pin", "product_ids": ["a"], "position": 0}"#,
                "action.position must be 1 to 100, got 0",
            ),
            (
                r#""action": {"kind": "cap", "attribute": "colour", "max": 1}"#,
                "action.attribute must be category, brand",
            ),
            (r#""action": {"kind": "cap", "max": 1}"#, "cap says what happens to products"),
            (r#""action": {"kind": "promote"}"#, "unknown variant `promote`"),
            (
                r#""target": {"schedule": {"weekdays": []}}, "action": {"kind": "diversify", "strength": 1}"#,
                "empty list",
            ),
        ] {
            let error = check(&format!(r#"{{"rule_id": "r", {rest}}}"#)).unwrap_err();
            assert!(error.contains(wanted), "{rest}: {error}");
        }
    }
}
