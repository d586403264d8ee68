//! What a shop shows beside products: banners, promotions, messages. Written by the shop, chosen for each shopper.

use serde::{Deserialize, Serialize};

use crate::{ContentId, Target, target::TargetError};

/// Longest title in characters: what a banner has room for.
pub const TITLE_MAX: usize = 200;
/// Longest body in characters.
pub const BODY_MAX: usize = 2_000;
/// Longest link in bytes, as in product feeds (Google Merchant Center, `link`).
pub const LINK_BYTES_MAX: usize = 2_000;
/// Highest [`Content::priority`].
pub const PRIORITY_MAX: u8 = 100;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    pub content_id: ContentId,
    pub kind: ContentKind,
    pub title: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    /// `https://…`, or a path of the shop; plain http would break a secure page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_link: Option<String>,
    /// Where a click leads: `https://…`, `http://…`, or a path of the shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default)]
    pub target: Target,
    #[serde(default)]
    pub budget: Budget,
    /// Higher goes first, 0 to [`PRIORITY_MAX`]; among equals, what has been learned decides.
    #[serde(default)]
    pub priority: u8,
    /// `false` keeps it without showing it.
    #[serde(default = "on")]
    pub active: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// A picture that leads somewhere.
    Banner,
    /// An offer.
    Promotion,
    /// Words alone.
    Message,
}

/// A text in the shop's languages. Plain text: who shows it escapes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub es: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

/// How much may be spent of it; what is not given is not limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Times shown, in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impressions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clicks: Option<u64>,
    /// Times shown to one shopper on one day of the shop's calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_user_per_day: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    #[error("content {id}: {field} is empty; send text, or leave the field out where it is optional")]
    Empty { id: ContentId, field: &'static str },
    #[error("content {id}: {field} has {got} characters, at most {max} are accepted")]
    TooLong { id: ContentId, field: &'static str, got: usize, max: usize },
    #[error("content {id}: {field} has a control character; send plain text")]
    Control { id: ContentId, field: &'static str },
    #[error(
        "content {id}: {field} {got:?} is no link; send {wanted}, without spaces, of at most {LINK_BYTES_MAX} bytes"
    )]
    Link { id: ContentId, field: &'static str, got: String, wanted: &'static str },
    #[error("content {id}: a banner has no image_link; send one, or make it a message")]
    BannerWithoutImage { id: ContentId },
    #[error("content {id}: budget.{field} is 0, which is never shown; set active to false, or leave the limit out")]
    Budget { id: ContentId, field: &'static str },
    #[error("content {id}: priority is {got}, at most {PRIORITY_MAX} is accepted")]
    Priority { id: ContentId, got: u8 },
    #[error("content {id}: {why}")]
    Target { id: ContentId, why: TargetError },
}

impl Content {
    /// # Errors
    /// Names the first field that can't be meant or could harm who sees it.
    pub fn check(&self) -> Result<(), ContentError> {
        let id = || self.content_id.clone();
        self.check_text("title", &self.title, TITLE_MAX)?;
        if let Some(body) = &self.body {
            self.check_text("body", body, BODY_MAX)?;
        }
        if self.kind == ContentKind::Banner && self.image_link.is_none() {
            return Err(ContentError::BannerWithoutImage { id: id() });
        }
        self.check_link(
            "image_link",
            self.image_link.as_deref(),
            "https://… or a path such as /img/a.jpg",
            &["https"],
        )?;
        self.check_link(
            "link",
            self.link.as_deref(),
            "https://…, http://… or a path such as /ofertas",
            &["https", "http"],
        )?;
        let limits = [
            ("impressions", self.budget.impressions),
            ("clicks", self.budget.clicks),
            ("per_user_per_day", self.budget.per_user_per_day.map(u64::from)),
        ];
        if let Some(&(field, _)) = limits.iter().find(|(_, limit)| *limit == Some(0)) {
            return Err(ContentError::Budget { id: id(), field });
        }
        if self.priority > PRIORITY_MAX {
            return Err(ContentError::Priority { id: id(), got: self.priority });
        }
        self.target.check().map_err(|why| ContentError::Target { id: id(), why })
    }

    fn check_text(&self, field: &'static str, text: &Text, max: usize) -> Result<(), ContentError> {
        for text in std::iter::once(&text.es).chain(&text.en) {
            let id = || self.content_id.clone();
            if text.trim().is_empty() {
                return Err(ContentError::Empty { id: id(), field });
            }
            let got = text.chars().count();
            if got > max {
                return Err(ContentError::TooLong { id: id(), field, got, max });
            }
            if text.chars().any(|c| c.is_control() && c != '\n') {
                return Err(ContentError::Control { id: id(), field });
            }
        }
        Ok(())
    }

    fn check_link(
        &self,
        field: &'static str,
        link: Option<&str>,
        wanted: &'static str,
        schemes: &[&str],
    ) -> Result<(), ContentError> {
        match link {
            Some(got) if !is_link(got, schemes) => {
                let got = got.chars().take(64).collect();
                Err(ContentError::Link { id: self.content_id.clone(), field, got, wanted })
            }
            _ => Ok(()),
        }
    }
}

impl Text {
    /// In the language of a BCP 47 locale such as `en-US`; Spanish where there is none of it.
    pub fn for_locale(&self, locale: &str) -> &str {
        let language = locale.split(['-', '_']).next().unwrap_or_default();
        self.en.as_deref().filter(|_| language.eq_ignore_ascii_case("en")).unwrap_or(&self.es)
    }
}

/// A path of the shop, or an address with one of the schemes and a host. Browsers drop line breaks and read `\` as `/`,
/// and `//host` leaves the shop, so none of these is a link here; nor is `javascript:` or `data:`.
fn is_link(text: &str, schemes: &[&str]) -> bool {
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '\\' | '"' | '<' | '>');
    if text.len() > LINK_BYTES_MAX || !text.chars().all(is_plain) {
        return false;
    }
    match text.split_once("://") {
        _ if text.starts_with('/') => !text.starts_with("//"),
        Some((scheme, rest)) => {
            schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known))
                && rest.starts_with(|c: char| c.is_alphanumeric() || c == '[')
        }
        None => false,
    }
}

fn on() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANNER: &str = r#"{"content_id": "cyber", "kind": "banner", "title": {"es": "Cyber Wow", "en": "Cyber sale"},
        "image_link": "/img/cyber.jpg", "link": "https://tienda.pe/cyber?x=1#hoy",
        "target": {"placements": ["home"], "schedule": {"occasions": ["cyber-wow"]}},
        "budget": {"impressions": 100000, "per_user_per_day": 3}, "priority": 10}"#;

    fn banner() -> Content {
        serde_json::from_str(BANNER).unwrap()
    }

    #[test]
    fn a_banner_reads_back_as_written() {
        let banner = banner();
        assert_eq!(banner.check(), Ok(()));
        assert!(banner.active, "what is written is meant to be shown");
        let written = serde_json::to_string(&banner).unwrap();
        assert_eq!(serde_json::from_str::<Content>(&written).unwrap(), banner);
        assert!(serde_json::from_str::<Content>(&written.replace("priority", "prioridad")).is_err());
    }

    #[test]
    fn a_title_is_read_in_the_shoppers_language() {
        let title = banner().title;
        assert_eq!((title.for_locale("en-US"), title.for_locale("EN")), ("Cyber sale", "Cyber sale"));
        assert_eq!(
            (title.for_locale("es-PE"), title.for_locale("qu"), title.for_locale("")),
            ("Cyber Wow", "Cyber Wow", "Cyber Wow")
        );
        assert_eq!(Text { es: "Hola".into(), en: None }.for_locale("en"), "Hola");
    }

    #[test]
    fn only_links_that_cannot_harm_are_accepted() {
        for link in
            ["/", "/ofertas?a=b", "https://tienda.pe", "HTTP://tienda.pe:8080/x", "https://[::1]/", "https://ñandú.pe/"]
        {
            assert_eq!(Content { link: Some(link.into()), ..banner() }.check(), Ok(()), "{link}");
        }
        for link in [
            "",
            "javascript:alert(1)",
            "JavaScript://tienda.pe/%0aalert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "//evil.pe",
            "/\\evil.pe",
            "\\\\evil.pe",
            "https://",
            "https:///x",
            "ftp://a.pe",
            "ofertas",
            "/a b",
            " /a",
            "/a\">",
        ] {
            let error = Content { link: Some(link.into()), ..banner() }.check().unwrap_err().to_string();
            assert!(error.contains("link") && error.contains("send https://"), "{link}: {error}");
        }
        let insecure = Content { image_link: Some("http://tienda.pe/a.jpg".into()), ..banner() };
        assert!(insecure.check().unwrap_err().to_string().contains("image_link \"http://tienda.pe/a.jpg\" is no link"));
        let long = Content { link: Some(format!("/{}", "x".repeat(LINK_BYTES_MAX))), ..banner() };
        assert!(long.check().is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let text = |es: &str| Text { es: es.to_owned(), en: None };
        for (content, wanted) in [
            (Content { title: text(" "), ..banner() }, "content cyber: title is empty"),
            (Content { title: text(&"ñ".repeat(201)), ..banner() }, "title has 201 characters, at most 200"),
            (Content { body: Some(text("a\u{7}")), ..banner() }, "body has a control character"),
            (Content { body: Some(Text { es: "a".into(), en: Some(String::new()) }), ..banner() }, "body is empty"),
            (Content { image_link: None, ..banner() }, "a banner has no image_link"),
            (Content { budget: Budget { clicks: Some(0), ..Budget::default() }, ..banner() }, "budget.clicks is 0"),
            (Content { priority: 101, ..banner() }, "priority is 101, at most 100"),
            (
                Content { target: Target { segments: vec![String::new()], ..Target::default() }, ..banner() },
                "content cyber: target: segments",
            ),
        ] {
            let error = content.check().unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let message =
            Content { kind: ContentKind::Message, image_link: None, body: Some(text("Hola\nmundo")), ..banner() };
        assert_eq!(message.check(), Ok(()));
    }
}
