//! Money as integer minor units (céntimos) with its currency. Never a float: sums must be exact.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An ISO 4217 code in capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("{got:?} is not a currency; send an ISO 4217 code such as PEN")]
    Currency { got: String },
    #[error("{got:?} is not an amount of {currency}; send digits with at most {digits} decimals, such as 99.90")]
    Amount { got: String, currency: Currency, digits: u32 },
    #[error("amounts in {left} and {right} can't be combined; convert one first")]
    Mixed { left: Currency, right: Currency },
}

impl Currency {
    pub const PEN: Self = Self(*b"PEN");
    pub const GBP: Self = Self(*b"GBP");
    pub const USD: Self = Self(*b"USD");

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked to be ASCII capitals when it was made")
    }

    /// Decimals of the minor unit (ISO 4217): 2 for most, 0 for the Chilean peso and the yen, 3 for some dinars.
    pub fn digits(self) -> u32 {
        match &self.0 {
            b"CLP" | b"JPY" | b"KRW" | b"PYG" | b"ISK" | b"VND" | b"UGX" | b"XAF" | b"XOF" | b"RWF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }

    /// What shoppers read before the digits: `S/` with its space in Peru, the bare sign elsewhere.
    fn sign(&self) -> &str {
        match &self.0 {
            b"PEN" => "S/ ",
            b"GBP" => "£",
            b"USD" => "US$ ",
            b"EUR" => "€ ",
            b"CLP" | b"COP" | b"MXN" => "$ ",
            _ => "",
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        <[u8; 3]>::try_from(text.as_bytes())
            .ok()
            .filter(|code| code.iter().all(u8::is_ascii_uppercase))
            .map(Self)
            .ok_or_else(|| MoneyError::Currency { got: text.chars().take(16).collect() })
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An exact amount.
///
/// ```
/// use domain::{Currency, Money};
/// let price = Money::parse("49.99", Currency::PEN).unwrap();
/// assert_eq!(price.minor, 4999);
/// assert_eq!(price.to_string(), "S/ 49.99");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads `99.90`, `1,234.5` (comma groups thousands) or `99.90 PEN`, whose code wins over `currency`.
    ///
    /// # Errors
    /// When the text is not a decimal number or has more decimals than the currency.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let text = text.trim();
        match text.rsplit_once(' ') {
            Some((amount, code)) => Self::parse_amount(amount.trim(), code.parse()?),
            None => Self::parse_amount(text, currency),
        }
    }

    fn parse_amount(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let digits = currency.digits();
        let error = || MoneyError::Amount { got: text.chars().take(32).collect(), currency, digits };
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let fraction = fraction.trim_end_matches('0');
        let whole: String = whole.chars().filter(|c| *c != ',').collect();
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(&whole) || !all_digits(fraction) || fraction.len() > digits as usize {
            return Err(error());
        }
        let minor =
            format!("{whole}{fraction:0<width$}", width = digits as usize).parse::<i64>().map_err(|_| error())?;
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }

    /// Rounds a float from a feed (`2.55`) to the nearest minor unit; `None` when it is not a finite amount in range.
    pub fn from_major(amount: f64, currency: Currency) -> Option<Self> {
        let minor = (amount * 10f64.powi(currency.digits() as i32)).round();
        (minor.is_finite() && minor.abs() < 9e15).then_some(Self { minor: minor as i64, currency })
    }

    /// For features and charts; sums stay in minor units.
    pub fn major(self) -> f64 {
        self.minor as f64 / 10f64.powi(self.currency.digits() as i32)
    }

    pub fn times(self, quantity: u32) -> Self {
        Self { minor: self.minor.saturating_mul(i64::from(quantity)), ..self }
    }

    /// # Errors
    /// When the currencies differ.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed { left: self.currency, right: other.currency });
        }
        Ok(Self { minor: self.minor.saturating_add(other.minor), ..self })
    }
}

impl fmt::Display for Money {
    /// `S/ 1,234,567.50`, as es-PE writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.digits() as usize;
        let padded = format!("{:0>width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = padded.split_at(padded.len() - digits);
        f.write_str(if self.minor < 0 { "-" } else { "" })?;
        f.write_str(self.currency.sign())?;
        for (i, digit) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i) % 3 == 0 {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        if digits > 0 {
            write!(f, ".{fraction}")?;
        }
        if self.currency.sign().is_empty() { write!(f, " {}", self.currency) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_as_shoppers_read_them() {
        let cases = [
            ("49.99", Currency::PEN, "S/ 49.99"),
            ("1234567.5", Currency::PEN, "S/ 1,234,567.50"),
            ("0.05 GBP", Currency::PEN, "£0.05"),
            ("-3", Currency::PEN, "-S/ 3.00"),
            ("1,990 CLP", Currency::PEN, "$ 1,990"),
            ("7 CHF", Currency::PEN, "7.00 CHF"),
            ("2.500", Currency::PEN, "S/ 2.50"),
        ];
        for (text, currency, expected) in cases {
            assert_eq!(Money::parse(text, currency).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn bad_amounts_are_refused() {
        for text in ["", "abc", "1.234", "1e3", "--1", ".5", "9999999999999999999", "1 soles", "NaN"] {
            assert!(Money::parse(text, Currency::PEN).is_err(), "{text}");
        }
        assert!(Money::parse("1.5 CLP", Currency::PEN).is_err());
        assert_eq!(Money::from_major(f64::NAN, Currency::PEN), None);
        assert_eq!(Money::from_major(2.55, Currency::GBP), Some(Money::new(255, Currency::GBP)));
    }
}
