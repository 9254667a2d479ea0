//! A slug: the short name of a feed, list, relay or rule, as typed in config.toml and seen in URLs and headers.
//! Text comes in once, at the border; a `Slug` is safe in a header, a path and a file name ever after.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One to 40 lower-case ASCII letters, digits and hyphens; begins and ends with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

/// Why a text is not a slug.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlugError {
    /// Nothing was typed.
    #[error("a name is empty")]
    Empty,
    /// Longer than 40 characters.
    #[error("the name `{0}` is longer than 40 characters")]
    TooLong(String),
    /// Holds something besides `a-z`, `0-9` and inner hyphens.
    #[error("the name `{0}` may hold only a-z, 0-9 and inner hyphens")]
    BadCharacter(String),
}

impl Slug {
    /// Reads a slug as typed.
    ///
    /// # Errors
    /// See [`SlugError`].
    pub fn parse(text: &str) -> Result<Self, SlugError> {
        if text.is_empty() {
            return Err(SlugError::Empty);
        }
        if text.chars().count() > 40 {
            return Err(SlugError::TooLong(text.to_owned()));
        }
        let plain = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !plain || text.starts_with('-') || text.ends_with('-') {
            return Err(SlugError::BadCharacter(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Slug {
    type Error = SlugError;
    fn try_from(text: String) -> Result<Self, SlugError> {
        Self::parse(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Slug, SlugError};

    #[test]
    fn a_slug_is_safe_in_a_header_and_a_path() {
        assert_eq!(Slug::parse("news-2").map(|slug| slug.to_string()), Ok("news-2".into()));
        assert_eq!(Slug::parse(""), Err(SlugError::Empty));
        for bad in ["News", "a b", "a/b", "a\r\nBcc: x", "é", "-a", "a-", "a_b"] {
            assert_eq!(Slug::parse(bad), Err(SlugError::BadCharacter(bad.into())));
        }
        assert!(matches!(Slug::parse(&"a".repeat(41)), Err(SlugError::TooLong(_))));
    }
}
