//! The offline side of a feature: one SQL text over the lake's tables, beside the file that folds the same number.
//!
//! Each text runs unchanged on DataFusion and on Spark. The rules that make it so: floating literals as `5e0` (`5.0`
//! is a decimal in Spark), `/` between DOUBLEs only (`7/2` is 3 here and 3.5 there), time as BIGINT microseconds (there
//! is no common epoch function), `ln` and never `log`, `NULLS` said in every ordering, and no function that only one
//! side has.

use domain::{Position, Timestamp, time::Micros};

/// A feature as rows: what to call it and how to compute it.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    /// SQL over the tables of [`crate::lake`], with the `:names` of [`Parameters`] in it.
    pub sql: &'static str,
    /// Other columns that the text reads as if they were tables.
    pub over: &'static [&'static Column],
}

/// The values of a text's `:names`. All are whole numbers, so that nothing can be smuggled into a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// `:up_to`: rows beyond this log position are not there.
    pub up_to: Position,
    /// `:now_us`
    pub now: Timestamp,
    /// `:half_life_us`
    pub half_life: Micros,
    /// `:zone_hours`: what [`crate::calendar::zone_hours`] says of the shop's zone.
    pub zone_hours: i64,
}

impl Column {
    /// The text, ready for an engine.
    pub fn text(&self, parameters: &Parameters) -> String {
        let mut text = self.sql.trim().to_owned();
        if !self.over.is_empty() {
            let tables: Vec<_> =
                self.over.iter().map(|column| format!("{} AS (\n{}\n)", column.name, column.sql.trim())).collect();
            text = format!("WITH {}\n{text}", tables.join(",\n"));
        }
        let values = [
            (":half_life_us", parameters.half_life.max(1)),
            (":zone_hours", parameters.zone_hours),
            (":now_us", parameters.now.micros()),
            (":up_to", i64::try_from(parameters.up_to.0).unwrap_or(i64::MAX)),
        ];
        values.iter().fold(text, |text, (name, value)| text.replace(name, &value.to_string()))
    }
}

/// Every column of this crate.
pub const ALL: &[&Column] = &[
    &crate::affinity::BRAND,
    &crate::affinity::CATEGORY,
    &crate::calendar::COLUMN,
    &crate::counts::COLUMN,
    &crate::counts::DURATION,
    &crate::exposure::COLUMN,
    &crate::history::COLUMN,
    &crate::popularity::COLUMN,
    &crate::presence::COLUMN,
    &crate::price_band::COLUMN,
    &crate::product_counts::COLUMN,
    &crate::rating::COLUMN,
    &crate::spend::COLUMN,
    &crate::training::COLUMN,
    &crate::trend::COLUMN,
];
