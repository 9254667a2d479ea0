//! The pattern by which a static site makes the link of a post, such as `https://example.org/news/{slug}/`. Its text comes
//! in once, is found fit, and then gives a link for each post, or none where it lacks something that the pattern wants.

use jiff::civil::Date;
use url::Url;

/// What may stand in braces.
const PLACES: [&str; 5] = ["slug", "path", "year", "month", "day"];

/// A pattern that was found fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPattern(String);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkPatternError {
    /// Braces with something else in them.
    #[error("`{{{0}}}` is not known in a link; known are {{slug}}, {{path}}, {{year}}, {{month}} and {{day}}")]
    Unknown(String),
    /// All posts would have one link.
    #[error("a link wants {{slug}} or {{path}} in it, or all posts have the same")]
    Same,
    /// It makes no address of the web.
    #[error("a link is a whole http or https URL")]
    NoUrl,
}

/// What a link is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The post's short name.
    pub slug: &'a str,
    /// The way to its file from the folder, without the extension.
    pub path: &'a str,
    /// The day of its date.
    pub date: Option<Date>,
}

impl LinkPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// See [`LinkPatternError`].
    pub fn parse(text: &str) -> Result<Self, LinkPatternError> {
        let pattern = Self(text.trim().to_owned());
        for place in pattern.places() {
            if !PLACES.contains(&place) {
                return Err(LinkPatternError::Unknown(place.to_owned()));
            }
        }
        if !pattern.places().any(|place| matches!(place, "slug" | "path")) {
            return Err(LinkPatternError::Same);
        }
        let date = Some(Date::constant(2024, 4, 25));
        let example = pattern.link(Parts { slug: "a", path: "a", date }).ok_or(LinkPatternError::NoUrl)?;
        let has_own_host = pattern.0.split('{').next().is_some_and(|start| start.matches('/').count() >= 3);
        if has_own_host && example.username().is_empty() { Ok(pattern) } else { Err(LinkPatternError::NoUrl) }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link of a post.
    pub fn link(&self, parts: Parts<'_>) -> Option<Url> {
        let mut link = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (place, behind) = after.split_once('}')?;
            link.push_str(before);
            match place {
                "slug" => link.push_str(&segment(parts.slug)?),
                "path" => {
                    let segments: Option<Vec<String>> = parts.path.split('/').map(segment).collect();
                    link.push_str(&segments?.join("/"));
                }
                "year" => link.push_str(&format!("{:04}", parts.date?.year())),
                "month" => link.push_str(&format!("{:02}", parts.date?.month())),
                "day" => link.push_str(&format!("{:02}", parts.date?.day())),
                _ => return None,
            }
            rest = behind;
        }
        link.push_str(rest);
        Url::parse(&link).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
    }

    /// An address that the site itself gives for a post: on this site when it begins with a slash.
    pub fn given(&self, address: &str) -> Option<Url> {
        let start = self.0.split('{').next().unwrap_or_default();
        let url = Url::parse(start).ok()?.join(address.trim()).ok()?;
        matches!(url.scheme(), "http" | "https").then_some(url)
    }

    fn places(&self) -> impl Iterator<Item = &str> {
        self.0.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default())
    }
}

/// A part of a path as it stands in a URL: nothing in it ends the path or leads elsewhere. The rest is encoded when the URL
/// is read.
fn segment(text: &str) -> Option<String> {
    if matches!(text, "" | "." | "..") {
        return None;
    }
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '/' | '\\' | '?' | '#' | '%' | '{' | '}' => made.push_str(&format!("%{:02X}", u32::from(c))),
            c if c.is_control() => return None,
            c => made.push(c),
        }
    }
    Some(made)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::{LinkPattern, LinkPatternError, Parts};

    #[test]
    fn a_link_is_made_of_what_the_pattern_names() {
        let pattern = LinkPattern::parse("https://example.org/{year}/{month}/{day}/{slug}/?from={path}").expect("fit");
        let parts = Parts { slug: "où est-ce?", path: "a/b#c", date: Some(date(2024, 4, 5)) };
        assert_eq!(
            pattern.link(parts).expect("a link").as_str(),
            "https://example.org/2024/04/05/o%C3%B9%20est-ce%3F/?from=a/b%23c"
        );
        assert_eq!(pattern.link(Parts { date: None, ..parts }), None);
        assert_eq!(pattern.link(Parts { slug: "..", ..parts }), None);
        assert_eq!(pattern.given("/x/y").expect("a link").as_str(), "https://example.org/x/y");
        assert_eq!(pattern.given("https://other.example/z").expect("a link").as_str(), "https://other.example/z");
        assert_eq!(pattern.given("javascript:alert(1)"), None);
    }

    #[test]
    fn a_pattern_that_would_give_bad_links_is_refused() {
        for (text, why) in [
            ("https://example.org/{title}/", LinkPatternError::Unknown("title".into())),
            ("https://example.org/{slug", LinkPatternError::NoUrl),
            ("https://example.org/news/", LinkPatternError::Same),
            ("https://example.org/{year}/", LinkPatternError::Same),
            ("/news/{slug}/", LinkPatternError::NoUrl),
            ("{slug}", LinkPatternError::NoUrl),
            ("https://{slug}.example.org/", LinkPatternError::NoUrl),
            ("https://user@example.org/{slug}/", LinkPatternError::NoUrl),
            ("ftp://example.org/{slug}", LinkPatternError::NoUrl),
        ] {
            assert_eq!(LinkPattern::parse(text), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_slug_leaves_the_place_that_the_pattern_gives_it(slug in ".{1,20}", path in ".{1,20}") {
            let pattern = LinkPattern::parse("https://example.org/news/{slug}/x").expect("fit");
            if let Some(link) = pattern.link(Parts { slug: &slug, path: &path, date: None }) {
                prop_assert!(link.as_str().starts_with("https://example.org/news/"), "{}", link);
                prop_assert!(link.as_str().ends_with("/x") && link.query().is_none(), "{}", link);
                prop_assert_eq!(link.path().split('/').count(), 4);
            }
        }
    }
}
