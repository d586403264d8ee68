//! Rules that contradict each other, or do nothing: told before they are published, with the reason.

use domain::{Action, RuleId, Timestamp};
use rustc_hash::FxHashSet;

use super::Compiled;
use crate::Snapshot;

/// What is wrong with one rule or two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub rules: Vec<RuleId>,
    /// Stable; the detail is for people.
    pub code: &'static str,
    pub detail: String,
}

/// The conflicts among the rules of the snapshot over its catalogue. Two rules are compared where some page can meet both.
pub fn conflicts(snapshot: &Snapshot, now: Timestamp) -> Vec<Conflict> {
    let rules = &snapshot.rules.compiled;
    let products: Vec<Option<FxHashSet<u32>>> = rules.iter().map(|rule| products(snapshot, rule, now)).collect();
    let mut found = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        found.extend(alone(snapshot, rule, products[at].as_ref()));
        for (before, other) in rules[..at].iter().enumerate() {
            if rule.rule.target.overlaps(&other.rule.target) {
                let (left, right) = ((other, products[before].as_ref()), (rule, products[at].as_ref()));
                found.extend(between(snapshot, left, right).or_else(|| between(snapshot, right, left)));
            }
        }
    }
    found
}

type Side<'a> = (&'a Compiled, Option<&'a FxHashSet<u32>>);

/// The products that a rule is about; `None` where it is not about some.
fn products(snapshot: &Snapshot, rule: &Compiled, now: Timestamp) -> Option<FxHashSet<u32>> {
    if let Action::Pin { product_ids, .. } = &rule.rule.action {
        return Some(product_ids.iter().filter_map(|id| snapshot.number(id)).collect());
    }
    let filter = rule.filter.as_ref()?;
    let admits = |number: &u32| snapshot.product(*number).is_some_and(|product| filter.admits(product, now));
    Some(snapshot.shelf_order().iter().copied().filter(admits).collect())
}

fn alone(snapshot: &Snapshot, rule: &Compiled, products: Option<&FxHashSet<u32>>) -> Vec<Conflict> {
    let conflict = |code, detail| Conflict { rules: vec![rule.rule.rule_id.clone()], code, detail };
    let mut found = Vec::new();
    if let Action::Pin { product_ids, .. } = &rule.rule.action {
        for id in product_ids {
            let detail = match snapshot.shelf.get(id) {
                None => "is not in the catalogue",
                Some(product) if product.hidden => "is hidden",
                Some(product) if !product.is_available() => "can't be bought now",
                Some(_) => continue,
            };
            found.push(conflict("pin_not_shown", format!("{id} {detail}, so its place goes to another product")));
        }
    } else if products.is_some_and(FxHashSet::is_empty) {
        found.push(conflict("no_products", "no product of the catalogue meets `where`".to_owned()));
    }
    found
}

fn between(
    snapshot: &Snapshot,
    (left, left_products): Side<'_>,
    (right, right_products): Side<'_>,
) -> Option<Conflict> {
    use Action::{Boost, Bury, Exclude, Include, Pin, Same};
    let conflict = |code, detail: String| {
        Some(Conflict { rules: vec![left.rule.rule_id.clone(), right.rule.rule_id.clone()], code, detail })
    };
    let (left_id, right_id) = (&left.rule.rule_id, &right.rule.rule_id);
    let common: Vec<u32> = match (left_products, right_products) {
        (Some(left), Some(right)) => left.intersection(right).copied().collect(),
        _ => Vec::new(),
    };
    let example = || common.iter().min().map_or_else(String::new, |number| snapshot.id(*number).to_string());
    let n = common.len();
    match (&left.rule.action, &right.rule.action) {
        (Pin { .. }, Exclude) if n > 0 => {
            conflict("pin_excluded", format!("{left_id} pins {}, which {right_id} excludes: excluded wins", example()))
        }
        (Pin { .. }, Pin { .. }) if n > 0 => {
            conflict("pinned_twice", format!("{} is pinned by both: the later place wins", example()))
        }
        (Pin { product_ids: a, position: from }, Pin { product_ids: b, position: other })
            if from < &(other + b.len()) && other < &(from + a.len()) =>
        {
            let place = from.max(other);
            conflict("pins_collide", format!("both pin a product to place {place}: one of them moves down"))
        }
        (Boost { .. }, Bury { .. }) if n > 0 => conflict(
            "boost_and_bury",
            format!("{left_id} boosts and {right_id} buries {n} products, such as {}: the factors multiply", example()),
        ),
        (Boost { .. } | Bury { .. } | Include { .. }, Exclude) if n > 0 => {
            let all = left_products.is_some_and(|products| products.len() == n);
            let what = if all { "all".to_owned() } else { n.to_string() };
            let kind = left.rule.action.kind();
            conflict(
                if all { "always_excluded" } else { "partly_excluded" },
                format!(
                    "{right_id} excludes {what} of the products that {left_id} would {kind}, such as {}",
                    example()
                ),
            )
        }
        (Same { attribute: a }, Same { attribute: b }) if a != b => conflict(
            "several_same",
            format!("only products with the same {a} and the same {b} are shown: few may be left"),
        ),
        _ => None,
    }
}
