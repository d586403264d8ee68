//! The texts of the columns keep the rules that let them run on DataFusion and on Spark.

use domain::{Position, Timestamp};
use features::{Parameters, column};

const PARAMETERS: Parameters =
    Parameters { up_to: Position(7), now: Timestamp::from_micros(-5), half_life: 11, zone_hours: -5 };

#[test]
fn every_text_is_complete_and_portable() {
    for column in column::ALL {
        let text = column.text(&PARAMETERS);
        let fault = |what: &str| panic!("{}: {what}\n{text}", column.name);
        let lower = text.to_lowercase();
        if lower.contains(':') {
            fault("a parameter was left open");
        }
        if !lower.contains("position <= 7") {
            fault("rows beyond the log position must not count");
        }
        for word in
            ["log(", "array_agg", "unnest", "explode", "qualify", "group by all", "unix_", "to_unixtime", "extract("]
        {
            if lower.contains(word) {
                fault(&format!("{word} is not the same everywhere"));
            }
        }
        if lower.matches("order by").count() > lower.matches("nulls").count() {
            fault("every ORDER BY says where NULLS go");
        }
        if has_decimal(&lower) {
            fault("write floating literals as 5e0; 5.0 is a decimal in Spark");
        }
        for (i, _) in lower.match_indices('/') {
            if !divides_doubles(&lower[i + 1..]) {
                fault("divide by a DOUBLE; 7/2 is 3 or 3.5");
            }
        }
    }
}

/// A literal with a point and without an exponent.
fn has_decimal(text: &str) -> bool {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)));
    words
        .filter(|word| word.contains('.'))
        .any(|word| word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains('e'))
}

/// A cast, a float literal, or a name that this crate's texts only give to doubles.
fn divides_doubles(divisor: &str) -> bool {
    let divisor = divisor.trim_start();
    let literal: String = divisor.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
    divisor.starts_with("cast(")
        || divisor.starts_with("(cast(")
        || divisor.starts_with("sum(weight)")
        || literal == "w"
        || (literal.starts_with(|c: char| c.is_ascii_digit()) && literal.contains('e'))
}

#[test]
fn weights_are_whole_numbers_as_the_integer_sums_expect() {
    for kind in domain::InteractionType::ALL {
        assert_eq!(kind.weight().fract(), 0.0, "{kind:?}");
    }
}
