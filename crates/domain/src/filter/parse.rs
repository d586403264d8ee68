//! From words to a condition, by recursive descent: `or` of `and`s of `not`s of comparisons.

use super::{
    Comparison, Condition, DEPTH_MAX, FilterError, NumberField, TEXT_MAX, TextField, VALUES_MAX,
    token::{Kind, Token, tokens},
};
use crate::{Availability, Currency, Money};

type Result<T> = std::result::Result<T, FilterError>;

pub(super) fn condition(text: &str, currency: Currency) -> Result<Condition> {
    if text.len() > TEXT_MAX {
        let detail = format!("a filter has at most {TEXT_MAX} bytes, this one has {}", text.len());
        return Err(FilterError::new("", 0, detail));
    }
    let mut parser = Parser { text, currency, tokens: tokens(text)?, next: 0, n_values: 0 };
    let condition = parser.any(0)?;
    match parser.peek() {
        Kind::End => Ok(condition),
        _ => Err(parser.wanted("`and`, `or` or the end")),
    }
}

struct Parser<'t> {
    text: &'t str,
    currency: Currency,
    tokens: Vec<Token<'t>>,
    next: usize,
    n_values: usize,
}

/// What may stand left of a comparison.
enum Field {
    Text(TextField),
    Number(NumberField),
}

const FIELDS: [&str; 14] = [
    "product_id",
    "category",
    "brand",
    "seller",
    "availability",
    "attributes",
    "price",
    "list_price",
    "cost_of_goods_sold",
    "margin_percent",
    "discount_percent",
    "stock",
    "age_days",
    "available",
];

impl<'t> Parser<'t> {
    fn any(&mut self, depth: usize) -> Result<Condition> {
        let mut parts = vec![self.all(depth)?];
        while self.takes_word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(single_or(parts, Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Condition> {
        let mut parts = vec![self.one(depth)?];
        while self.takes_word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(single_or(parts, Condition::All))
    }

    fn one(&mut self, depth: usize) -> Result<Condition> {
        if depth > DEPTH_MAX {
            return Err(self.error(format!("nested deeper than {DEPTH_MAX}")));
        }
        if self.takes_word("not") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes_sign("(") {
            let inner = self.any(depth + 1)?;
            self.expects_sign(")")?;
            return Ok(inner);
        }
        if self.takes_word("available") {
            return Ok(Condition::Available);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition> {
        let field = self.field()?;
        if self.takes_word("is") {
            let is_not = self.takes_word("not");
            if !self.takes_word("null") {
                return Err(self.wanted(if is_not { "`null`" } else { "`null` or `not null`" }));
            }
            let known = match field {
                Field::Text(field) => Condition::TextKnown(field),
                Field::Number(field) => Condition::NumberKnown(field),
            };
            return Ok(if is_not { known } else { Condition::Not(Box::new(known)) });
        }
        let is_opposite = self.takes_word("not");
        if self.takes_word("in") {
            let list = self.list(field)?;
            return Ok(if is_opposite { Condition::Not(Box::new(list)) } else { list });
        }
        if is_opposite {
            return Err(self.wanted("`in`"));
        }
        self.against_one_value(field)
    }

    /// `(value, value, …)` behind `in`.
    fn list(&mut self, field: Field) -> Result<Condition> {
        self.expects_sign("(")?;
        let condition = match field {
            Field::Text(field) => {
                let mut among = self.separated(|parser| parser.text_value(&field))?;
                among.sort_unstable();
                Condition::TextIn(field, among)
            }
            Field::Number(field) => {
                let numbers = self.separated(|parser| parser.number_value(field))?;
                let equal = |number| Condition::NumberIs(field, Comparison::Equal, number);
                single_or(numbers.into_iter().map(equal).collect(), Condition::Any)
            }
        };
        self.expects_sign(")")?;
        Ok(condition)
    }

    fn separated<T>(&mut self, mut value: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut values = vec![value(self)?];
        while self.takes_sign(",") {
            values.push(value(self)?);
        }
        Ok(values)
    }

    fn against_one_value(&mut self, field: Field) -> Result<Condition> {
        let signs = ["=", "==", "!=", "<", "<=", ">", ">="];
        let Some(sign) = signs.into_iter().find(|sign| *self.peek() == Kind::Sign(sign)) else {
            return Err(self.wanted("a comparison (`=` `!=` `<` `<=` `>` `>=` `in` `is`)"));
        };
        let comparison = match sign {
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => Comparison::Equal,
        };
        let condition = match field {
            Field::Text(_) if comparison != Comparison::Equal => {
                return Err(self.error(format!("text has no order; wanted `=`, `!=`, `in` or `is`, got `{sign}`")));
            }
            Field::Text(field) => {
                self.next += 1;
                let value = self.text_value(&field)?;
                Condition::TextIn(field, vec![value])
            }
            Field::Number(field) => {
                self.next += 1;
                Condition::NumberIs(field, comparison, self.number_value(field)?)
            }
        };
        Ok(if sign == "!=" { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn field(&mut self) -> Result<Field> {
        let &Kind::Word(name) = self.peek() else { return Err(self.wanted("a field")) };
        let field = match name {
            "product_id" => Field::Text(TextField::ProductId),
            "category" => Field::Text(TextField::Category),
            "brand" => Field::Text(TextField::Brand),
            "seller" => Field::Text(TextField::Seller),
            "availability" => Field::Text(TextField::Availability),
            "price" => Field::Number(NumberField::Price(self.currency)),
            "list_price" => Field::Number(NumberField::ListPrice(self.currency)),
            "cost_of_goods_sold" => Field::Number(NumberField::Cost(self.currency)),
            "discount_percent" => Field::Number(NumberField::DiscountPercent),
            "margin_percent" => Field::Number(NumberField::MarginPercent),
            "stock" => Field::Number(NumberField::Stock),
            "age_days" => Field::Number(NumberField::AgeDays),
            "attributes" => {
                self.next += 1;
                return self.attribute().map(Field::Text);
            }
            "and" | "or" | "in" | "is" | "null" => return Err(self.wanted("a field")),
            _ => return Err(self.error(format!("`{name}` is no field; {}", hint(name)))),
        };
        self.next += 1;
        Ok(field)
    }

    /// `.name` or `."any name"`.
    fn attribute(&mut self) -> Result<TextField> {
        let wanted = "`.` and the attribute's name";
        if !self.takes_sign(".") {
            return Err(self.wanted(wanted));
        }
        let name = match self.peek() {
            Kind::Word(name) => (*name).to_owned(),
            Kind::Text(name) => name.clone(),
            _ => return Err(self.wanted("the attribute's name")),
        };
        self.next += 1;
        Ok(TextField::Attribute(name))
    }

    fn text_value(&mut self, field: &TextField) -> Result<String> {
        let Kind::Text(text) = self.peek() else { return Err(self.wanted("text in quotes")) };
        let text = text.clone();
        if *field == TextField::Availability && !Availability::ALL.iter().any(|known| known.as_str() == text) {
            let known: Vec<&str> = Availability::ALL.iter().map(|known| known.as_str()).collect();
            return Err(self.wanted(&format!("one of {}", known.join(", "))));
        }
        self.count_value()?;
        Ok(text)
    }

    fn number_value(&mut self, field: NumberField) -> Result<f64> {
        let &Kind::Number(digits) = self.peek() else { return Err(self.wanted("a number")) };
        let number = match field {
            NumberField::Price(currency) | NumberField::ListPrice(currency) | NumberField::Cost(currency) => {
                let money = Money::parse(digits, currency).map_err(|error| self.error(error.to_string()))?;
                money.minor as f64
            }
            _ => digits.parse().map_err(|_| self.wanted("a number"))?,
        };
        self.count_value()?;
        Ok(number)
    }

    fn count_value(&mut self) -> Result<()> {
        self.n_values += 1;
        if self.n_values > VALUES_MAX {
            return Err(self.error(format!("more than {VALUES_MAX} values")));
        }
        self.next += 1;
        Ok(())
    }

    fn peek(&self) -> &Kind<'t> {
        &self.tokens[self.next].kind
    }

    fn takes_word(&mut self, keyword: &str) -> bool {
        let takes = matches!(self.peek(), Kind::Word(word) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(takes);
        takes
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let takes = *self.peek() == Kind::Sign(sign);
        self.next += usize::from(takes);
        takes
    }

    fn expects_sign(&mut self, sign: &str) -> Result<()> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.wanted(&format!("`{sign}`"))) }
    }

    fn wanted(&self, what: &str) -> FilterError {
        self.error(format!("wanted {what}, got {}", self.peek()))
    }

    fn error(&self, detail: String) -> FilterError {
        FilterError::new(self.text, self.tokens[self.next].at, detail)
    }
}

/// The part itself where there is only one.
fn single_or(mut parts: Vec<Condition>, together: fn(Vec<Condition>) -> Condition) -> Condition {
    if parts.len() == 1 { parts.remove(0) } else { together(parts) }
}

fn hint(name: &str) -> String {
    let near = FIELDS.into_iter().map(|field| (strsim::jaro_winkler(name, field), field));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((similarity, field)) if similarity > 0.8 => format!("did you mean `{field}`?"),
        _ => format!("fields are {}", FIELDS.join(", ")),
    }
}
