//! Contact data that shoppers type where it does not belong (searches, reviews) or that shops leave in page addresses.
//!
//! A careful matcher, not a promise: it finds e-mail addresses; phone numbers that start with `+` (8 to 15 digits) or
//! are Peruvian mobiles (9 digits from 9, also after 51); DNI (8 digits), RUC (11 digits from 10, 15, 16, 17 or 20) and
//! card numbers (15 to 19 digits that pass Luhn). Groups may be parted by one space, dot or hyphen each. It does not
//! find names, street addresses, foreign identity numbers or digits written as words, and it takes an eight-digit
//! article number for a DNI; barcodes of 12 to 14 digits are left alone.

use std::borrow::Cow;

/// What stands in the place of a find.
pub const EMAIL: &str = "[email]";
pub const NUMBER: &str = "[number]";
const HIDDEN: &str = "[hidden]";

/// Parameters of page addresses whose value is personal or secret whatever it looks like.
const PERSONAL_PARAMETERS: [&str; 22] = [
    "email",
    "e-mail",
    "mail",
    "correo",
    "phone",
    "telefono",
    "celular",
    "mobile",
    "dni",
    "ruc",
    "documento",
    "name",
    "nombre",
    "apellido",
    "address",
    "direccion",
    "token",
    "key",
    "password",
    "clave",
    "code",
    "session",
];

/// The text without contact data; borrowed when there was none.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    if !may_hold_contact(text) {
        return Cow::Borrowed(text);
    }
    match redact_emails(text) {
        Cow::Borrowed(text) => redact_numbers(text),
        Cow::Owned(text) => Cow::Owned(redact_numbers(&text).into_owned()),
    }
}

/// A page address without contact data: e-mails anywhere, numbers and personal parameters after the `?` or `#`.
/// The path keeps its numbers, for they are products.
pub fn redact_page(page: &str) -> Cow<'_, str> {
    let Some(start) = page.find(['?', '#']) else {
        return redact_emails(page);
    };
    let (path, tail) = page.split_at(start);
    let mut out = redact_emails(path).into_owned();
    for parameter in tail.split_inclusive(['?', '#', '&', ';']) {
        let body = parameter.trim_end_matches(['?', '#', '&', ';']);
        match body.split_once('=') {
            Some((name, _)) if is_personal(name) => {
                out.push_str(name);
                out.push('=');
                out.push_str(HIDDEN);
            }
            _ => push_redacted_parameter(&mut out, body),
        }
        out.push_str(&parameter[body.len()..]);
    }
    if out == page { Cow::Borrowed(page) } else { Cow::Owned(out) }
}

fn is_personal(name: &str) -> bool {
    PERSONAL_PARAMETERS.iter().any(|personal| name.eq_ignore_ascii_case(personal))
}

/// A parameter is judged as the server will read it (`%40` is `@`, `+` is a space) and kept as it was if clean.
fn push_redacted_parameter(out: &mut String, body: &str) {
    let decoded = decode(body);
    match redact_text(&decoded) {
        Cow::Borrowed(_) => out.push_str(body),
        Cow::Owned(clean) => out.push_str(&clean.replace(' ', "+")),
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn may_hold_contact(text: &str) -> bool {
    text.contains('@') || text.bytes().filter(u8::is_ascii_digit).count() >= 8
}

/// `local@label.label`, with letters of any language.
fn redact_emails(text: &str) -> Cow<'_, str> {
    if !text.contains('@') && !text.contains("%40") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, sign)) = find_at_sign(rest) {
        let local_start = rest[..at].char_indices().rev().take_while(|(_, c)| is_local(*c)).last().map(|(i, _)| i);
        let after = &rest[at + sign..];
        let domain_len: usize = after.chars().take_while(|c| is_domain(*c)).map(char::len_utf8).sum();
        let domain = after[..domain_len].trim_end_matches(['.', '-']);
        match local_start {
            Some(start) if is_host(domain) => {
                out.push_str(&rest[..start]);
                out.push_str(EMAIL);
                rest = &after[domain.len()..];
            }
            _ => {
                out.push_str(&rest[..at + sign]);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

fn find_at_sign(text: &str) -> Option<(usize, usize)> {
    let plain = text.find('@').map(|at| (at, 1));
    let encoded = text.find("%40").map(|at| (at, 3));
    [plain, encoded].into_iter().flatten().min()
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || "._%+-".contains(c)
}

fn is_domain(c: char) -> bool {
    c.is_alphanumeric() || c == '.' || c == '-'
}

fn is_host(domain: &str) -> bool {
    domain
        .rsplit_once('.')
        .is_some_and(|(name, tld)| !name.is_empty() && tld.chars().count() >= 2 && tld.chars().all(char::is_alphabetic))
}

fn redact_numbers(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        if !starts_number(bytes, at) {
            at += 1;
            continue;
        }
        let end = number_end(bytes, at);
        if is_personal_number(&bytes[at..end]) {
            out.push_str(&text[copied..at]);
            out.push_str(NUMBER);
            copied = end;
        }
        at = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// A digit, or `+` before one, that does not continue a word such as `B07XJ8C8F5`.
fn starts_number(bytes: &[u8], at: usize) -> bool {
    let free = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    free && (digit(at) || (bytes[at] == b'+' && digit(at + 1)))
}

/// After the last digit of groups that are parted by single separators; at least one byte after `start`.
fn number_end(bytes: &[u8], start: usize) -> usize {
    let mut end = start + 1;
    loop {
        match bytes.get(end) {
            Some(b'0'..=b'9') => end += 1,
            Some(b' ' | b'.' | b'-') if bytes.get(end + 1).is_some_and(u8::is_ascii_digit) => end += 2,
            _ => return end,
        }
    }
}

fn is_personal_number(span: &[u8]) -> bool {
    let digits: Vec<u8> = span.iter().copied().filter(u8::is_ascii_digit).collect();
    if span[0] == b'+' {
        return (8..=15).contains(&digits.len());
    }
    match digits.len() {
        8 => true,
        9 => digits[0] == b'9',
        11 => digits.starts_with(b"519") || [b"10", b"15", b"16", b"17", b"20"].iter().any(|p| digits.starts_with(*p)),
        15..=19 => passes_luhn(&digits),
        _ => false,
    }
}

/// Luhn (ISO/IEC 7812-1): doubling every second digit from the right, the digit sum is a multiple of ten.
fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| {
            let value = u32::from(digit - b'0') * if i % 2 == 1 { 2 } else { 1 };
            value / 10 + value % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn contact_data_goes_and_the_search_stays() {
        let cases = [
            ("taza ana.perez@correo.com.pe", "taza [email]"),
            ("escribir a josé@niño.pe, gracias", "escribir a [email], gracias"),
            ("llamar 987 654 321 hoy", "llamar [number] hoy"),
            ("llamar +51-1-4567890.", "llamar [number]."),
            ("mi dni es 45678912", "mi dni es [number]"),
            ("RUC 20100070970", "RUC [number]"),
            ("4111 1111 1111 1111 vence", "[number] vence"),
            ("378282246310005", "[number]"),
        ];
        for (text, expected) in cases {
            assert_eq!(redact_text(text), expected, "{text}");
        }
    }

    #[test]
    fn what_shoppers_search_for_is_left_alone() {
        for text in [
            "",
            "iphone 15 pro 256",
            "7750243054219",
            "B07XJ8C8F5",
            "televisor 55 4k",
            "@inca",
            "talla 38 @ oferta",
            "1,299.90",
            "2026",
            "a@b",
            "SKU12345678",
            "ñandú 🦤",
        ] {
            assert!(matches!(redact_text(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn pages_lose_personal_parameters_and_keep_products() {
        let cases = [
            ("/p/12345678", "/p/12345678"),
            ("/p/12345678?utm_source=mail&color=rojo", "/p/12345678?utm_source=mail&color=rojo"),
            ("/cuenta?email=ana&x=1", "/cuenta?email=[hidden]&x=1"),
            ("/b?q=ana%40correo.pe#a", "/b?q=[email]#a"),
            ("/b?q=llamar+987654321", "/b?q=llamar+[number]"),
            ("/u/ana@correo.pe/pedidos", "/u/[email]/pedidos"),
            ("/u/ana%40correo.pe", "/u/[email]"),
            ("/r#token=abc", "/r#token=[hidden]"),
        ];
        for (page, expected) in cases {
            assert_eq!(redact_page(page), expected, "{page}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_clean_text_stays_clean(text in any::<String>(), page in "[a-z/?#&=%+@.0-9é-]{0,60}") {
            let once = redact_text(&text).into_owned();
            prop_assert_eq!(redact_text(&once), once.as_str());
            let _ = redact_page(&page);
        }

        #[test]
        fn an_email_never_survives(before in "[a-z ]{0,9}", local in "[a-z0-9][a-z0-9._+-]{0,9}", host in "[a-z][a-z0-9-]{0,9}", after in "[ ,!][a-z ]{0,9}") {
            let text = format!("{before} {local}@{host}.pe{after}");
            prop_assert!(!redact_text(&text).contains('@'), "{text}");
        }
    }
}
