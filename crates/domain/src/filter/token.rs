//! The words of a filter.

use std::fmt;

use winnow::{
    LocatingSlice, Parser, Result,
    ascii::{digit1, multispace0},
    combinator::{alt, delimited, dispatch, fail, opt, repeat},
    error::ContextError,
    stream::Location,
    token::{any, none_of, one_of, take_while},
};

use super::FilterError;

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token<'t> {
    /// Byte offset of its first character.
    pub at: usize,
    pub kind: Kind<'t>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind<'t> {
    /// A field or a keyword.
    Word(&'t str),
    /// What stands in quotes, without them.
    Text(String),
    /// As written, so that amounts stay exact.
    Number(&'t str),
    /// Comparisons, parentheses, comma and dot.
    Sign(&'t str),
    End,
}

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) | Self::Number(text) | Self::Sign(text) => write!(f, "`{text}`"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// All tokens, [`Kind::End`] last.
pub(super) fn tokens(text: &str) -> std::result::Result<Vec<Token<'_>>, FilterError> {
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        let _: Result<_> = multispace0.parse_next(&mut input);
        let at = input.current_token_start();
        if at == text.len() {
            tokens.push(Token { at, kind: Kind::End });
            return Ok(tokens);
        }
        let kind = kind.parse_next(&mut input).map_err(|_| FilterError::new(text, at, no_token(&text[at..])))?;
        tokens.push(Token { at, kind });
    }
}

fn no_token(rest: &str) -> String {
    match rest.chars().next() {
        Some('"' | '\'') => "a text begins here and does not end".to_owned(),
        Some(quote @ ('“' | '”' | '„' | '‘' | '’' | '«' | '»')) => {
            format!("wanted a straight quote (\" or '), got `{quote}`")
        }
        Some(other) => format!("`{other}` has no meaning here"),
        None => "nothing is left to read".to_owned(),
    }
}

type Input<'t> = LocatingSlice<&'t str>;

fn kind<'t>(input: &mut Input<'t>) -> Result<Kind<'t>> {
    alt((
        (one_of(is_word_start), take_while(0.., is_word)).take().map(Kind::Word),
        (opt('-'), digit1, opt(('.', digit1))).take().map(Kind::Number),
        alt(("<=", ">=", "!=", "==")).map(Kind::Sign),
        one_of(['<', '>', '=', '(', ')', ',', '.']).take().map(Kind::Sign),
        quoted('"').map(Kind::Text),
        quoted('\'').map(Kind::Text),
    ))
    .parse_next(input)
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Text between two of the same quotes; a backslash before a quote or a backslash takes its meaning away.
fn quoted<'t>(quote: char) -> impl Parser<Input<'t>, String, ContextError> {
    let escaped = dispatch! { any; '\\' => one_of(['\\', '"', '\'']), _ => fail };
    let character = alt((escaped, none_of([quote, '\\'])));
    delimited(quote, repeat(0.., character), quote)
}
