//! Where, for whom and when a rule or a piece of content is meant.

use serde::{Deserialize, Serialize};

use crate::{Moment, PlacementId, Schedule, schedule::ScheduleError};

/// Most names in one of a target's lists.
pub const NAMES_MAX: usize = 200;
/// Longest name of a segment or a category, in bytes.
pub const NAME_BYTES_MAX: usize = 200;

/// An empty list means everywhere, or everybody; of a list that is given, one must fit.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub placements: Vec<PlacementId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<String>,
    /// Categories of the page that asks: of the product, list or search looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("target: {field} has {got} names, at most {NAMES_MAX} are accepted; leave the list empty to mean all")]
    TooMany { field: &'static str, got: usize },
    #[error("target: {field} has a name of {got} bytes; a name has 1 to {NAME_BYTES_MAX}")]
    Name { field: &'static str, got: usize },
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// What is known when a page asks.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub placement: &'a PlacementId,
    /// Those that the shopper belongs to.
    pub segments: &'a [String],
    /// Those of the page.
    pub categories: &'a [String],
    pub moment: &'a Moment,
}

impl Target {
    pub fn admits(&self, situation: &Situation<'_>) -> bool {
        let one_of = |wanted: &[String], known: &[String]| wanted.is_empty() || meet(wanted, known);
        (self.placements.is_empty() || self.placements.contains(situation.placement))
            && one_of(&self.segments, situation.segments)
            && one_of(&self.categories, situation.categories)
            && self.schedule.as_ref().is_none_or(|schedule| schedule.is_active_at(situation.moment))
    }

    /// Whether there may be a situation that both admit. A shopper may belong to several segments and a page to several
    /// categories, so only placements and schedules can keep two targets apart.
    pub fn overlaps(&self, other: &Self) -> bool {
        (self.placements.is_empty() || other.placements.is_empty() || meet(&self.placements, &other.placements))
            && match (&self.schedule, &other.schedule) {
                (Some(a), Some(b)) => a.overlaps(b),
                _ => true,
            }
    }

    /// # Errors
    /// When a list or a name is too long or a name is empty, or the schedule can never hold.
    pub fn check(&self) -> Result<(), TargetError> {
        let counts = [
            ("placements", self.placements.len()),
            ("segments", self.segments.len()),
            ("categories", self.categories.len()),
        ];
        if let Some(&(field, got)) = counts.iter().find(|&&(_, n)| n > NAMES_MAX) {
            return Err(TargetError::TooMany { field, got });
        }
        for (field, names) in [("segments", &self.segments), ("categories", &self.categories)] {
            if let Some(name) = names.iter().find(|name| name.is_empty() || name.len() > NAME_BYTES_MAX) {
                return Err(TargetError::Name { field, got: name.len() });
            }
        }
        self.schedule.as_ref().map_or(Ok(()), |schedule| schedule.check().map_err(TargetError::from))
    }
}

fn meet<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    a.iter().any(|one| b.contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Occasions;

    fn target(json: &str) -> Target {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn each_condition_alone_can_refuse() {
        let friday = Moment { at: "2026-11-27T12:00".parse().unwrap(), occasions: Occasions::default() };
        let (placement, segments, categories) =
            (PlacementId::new("home").unwrap(), ["vip".to_owned(), "lima".to_owned()], ["Moda".to_owned()]);
        let here = Situation { placement: &placement, segments: &segments, categories: &categories, moment: &friday };
        for (json, wanted) in [
            ("{}", true),
            (r#"{"placements": ["cart", "home"]}"#, true),
            (r#"{"placements": ["cart"]}"#, false),
            (r#"{"segments": ["lima", "nuevo"]}"#, true),
            (r#"{"segments": ["nuevo"]}"#, false),
            (r#"{"categories": ["Moda"]}"#, true),
            (r#"{"categories": ["Hogar"]}"#, false),
            (r#"{"schedule": {"weekdays": ["fri"]}}"#, true),
            (r#"{"schedule": {"weekdays": ["sat"]}}"#, false),
            (r#"{"placements": ["home"], "segments": ["vip"], "categories": ["Moda"], "schedule": {}}"#, true),
        ] {
            assert_eq!(target(json).admits(&here), wanted, "{json}");
        }
        let nobody = Situation { segments: &[], categories: &[], ..here };
        assert!(target("{}").admits(&nobody) && !target(r#"{"segments": ["vip"]}"#).admits(&nobody));
    }

    #[test]
    fn only_placements_and_schedules_keep_targets_apart() {
        let overlap = |a: &str, b: &str| target(a).overlaps(&target(b));
        assert!(overlap("{}", r#"{"placements": ["home"]}"#));
        assert!(!overlap(r#"{"placements": ["cart"]}"#, r#"{"placements": ["home"]}"#));
        assert!(overlap(r#"{"segments": ["a"]}"#, r#"{"segments": ["b"]}"#), "somebody may be in both");
        assert!(!overlap(r#"{"schedule": {"hours": [0, 12]}}"#, r#"{"schedule": {"hours": [12, 24]}}"#));
        assert!(overlap(r#"{"schedule": {"hours": [0, 12]}}"#, "{}"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |json: &str| target(json).check().unwrap_err().to_string();
        assert!(error(r#"{"segments": [""]}"#).contains("segments has a name of 0 bytes"));
        assert!(error(r#"{"schedule": {"hours": [9, 9]}}"#).contains("hours [9, 9]"));
        let many = Target { categories: vec!["x".to_owned(); NAMES_MAX + 1], ..Target::default() };
        assert!(many.check().unwrap_err().to_string().contains("categories has 201 names"));
        assert!(serde_json::from_str::<Target>(r#"{"placement": ["home"]}"#).is_err());
        assert_eq!(serde_json::to_string(&Target::default()).unwrap(), "{}");
    }
}
