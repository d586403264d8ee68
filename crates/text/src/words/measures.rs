//! Numbers with their units, the same term however they are written.

/// Spellings (lower case), the base unit, and how many of those one is.
const UNITS: &[(&[&str], &str, f64)] = &[
    (&["l", "lt", "lts", "litro", "litros", "liter", "liters"], "ml", 1000.0),
    (&["ml", "cc", "mililitro", "mililitros"], "ml", 1.0),
    (&["kg", "kgs", "kilo", "kilos", "kilogramo", "kilogramos"], "g", 1000.0),
    (&["g", "gr", "grs", "gramo", "gramos"], "g", 1.0),
    (&["oz", "onza", "onzas"], "oz", 1.0),
    (&["\"", "”", "″", "''", "pulg", "pulgs", "pulgada", "pulgadas", "in", "inch", "inches"], "in", 1.0),
    (&["m", "mt", "mts", "metro", "metros"], "cm", 100.0),
    (&["cm", "cms", "centimetro", "centimetros", "centímetros"], "cm", 1.0),
    (&["mm", "milimetros", "milímetros"], "cm", 0.1),
    (&["w", "watt", "watts", "vatios"], "w", 1.0),
    (&["v", "volt", "volts", "voltios"], "v", 1.0),
    (&["hp"], "hp", 1.0),
    (&["mah"], "mah", 1.0),
    (&["tb"], "gb", 1000.0),
    (&["gb"], "gb", 1.0),
    (&["mb"], "mb", 1.0),
    (&["un", "und", "unds", "unid", "unidad", "unidades", "pz", "pza", "pzas", "pieza", "piezas", "pcs"], "un", 1.0),
    (&["plz", "plazas", "plaza"], "plz", 1.0),
];

fn unit(word: &str) -> Option<(&'static str, f64)> {
    let word = word.to_lowercase();
    UNITS.iter().find(|(spellings, ..)| spellings.contains(&word.as_str())).map(|&(_, base, factor)| (base, factor))
}

pub(super) fn is_unit(word: &str) -> bool {
    unit(word).is_some()
}

/// A word that is a number, alone or with a unit behind it: `500gr` is (`500`, `gr`), `1.5` is (`1.5`, ``).
pub(super) fn split(word: &str) -> Option<(&str, &str)> {
    let end = word.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(word.len());
    let (number, rest) = word.split_at(end);
    (number.starts_with(|c: char| c.is_ascii_digit()) && (rest.is_empty() || is_unit(rest))).then_some((number, rest))
}

/// One spelling of a measure: `1,5` and `L` are `1500ml`. A number without a unit stays a number.
pub(super) fn canonical(number: &str, word: &str) -> String {
    let (base, factor) = unit(word).unwrap_or(("", 1.0));
    match plain(number).parse::<f64>() {
        // Three decimals, without what multiplying in binary adds.
        Ok(value) => format!("{}{base}", (value * factor * 1000.0).round() / 1000.0),
        Err(_) => format!("{number}{base}"),
    }
}

/// In Peru a comma before exactly three digits groups thousands; any other comma is a decimal point.
fn plain(number: &str) -> String {
    match number.split_once(',') {
        Some((whole, rest)) if rest.len() == 3 && whole != "0" => format!("{whole}{rest}"),
        _ => number.replace(',', "."),
    }
}
