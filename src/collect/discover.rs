//! The feeds of a site, from the address of a page of it: those that the page names, else those in the usual places. A
//! page comes in; the addresses go out, those of comments last. It fetches nothing; what it finds is hostile, and is
//! fetched by the same rules as any feed.

use url::Url;

use super::{
    plain,
    tags::{Tag, Token, Tokens},
};

/// More feeds than this of one page are not looked at.
const MAX_FEEDS: usize = 20;

/// No more of a page is looked at, in bytes.
const MAX_PAGE: usize = 1_000_000;

/// A longer address is none, in bytes.
const MAX_ADDRESS: usize = 2_000;

/// Where feeds usually are, below the site or below the page.
const USUAL: [&str; 6] = ["feed/", "rss.xml", "atom.xml", "feed.json", "index.xml", "feed.xml"];

/// What feeds of comments are called, in the languages seen most.
const COMMENTS: [&str; 6] = ["comment", "kommentar", "comentario", "comentário", "commenti", "reacties"];

/// The feeds that a page at `page` names (`<link rel="alternate" type="application/rss+xml" href="…">` and its like), those
/// of comments last. Only addresses on the web come out.
#[must_use]
pub fn links(html: &str, page: &Url) -> Vec<Url> {
    let mut base = page.clone();
    let mut found: Vec<(bool, Url)> = Vec::new();
    for token in Tokens::new(&html[..html.floor_char_boundary(MAX_PAGE)]) {
        let Token::Open(tag) = token else { continue };
        match tag.name.as_str() {
            "base" => base = address(&tag, page).unwrap_or(base),
            "link" | "a" if names_feed(&tag) => {
                let url = address(&tag, &base).filter(|url| found.iter().all(|(_, known)| known != url));
                found.extend(url.map(|url| (is_of_comments(&tag, &url), url)));
            }
            _ => {}
        }
        if found.len() >= MAX_FEEDS {
            break;
        }
    }
    // The sort is stable: among the others the page's own order stands.
    found.sort_by_key(|(is_of_comments, _)| *is_of_comments);
    found.into_iter().map(|(_, url)| url).collect()
}

/// Where a feed may be when a page names none: below the page, and at the top of its site.
#[must_use]
pub fn usual_places(page: &Url) -> Vec<Url> {
    let mut below = page.clone();
    below.set_query(None);
    below.set_fragment(None);
    if !below.path().ends_with('/') {
        below.set_path(&format!("{}/", below.path()));
    }
    let tops = [below.join("/").unwrap_or_else(|_| below.clone()), below];
    let mut places: Vec<Url> = Vec::new();
    for place in tops.iter().flat_map(|top| USUAL.iter().filter_map(|usual| top.join(usual).ok())) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// Whether a tag says that it leads to a feed.
fn names_feed(tag: &Tag<'_>) -> bool {
    let kind = tag.get("type").unwrap_or_default().to_ascii_lowercase();
    let relations = tag.get("rel").unwrap_or_default().to_ascii_lowercase();
    let is_feed = ["rss+xml", "atom+xml", "rdf+xml", "feed+json"].iter().any(|known| kind.contains(known));
    relations.split_ascii_whitespace().any(|relation| relation == "feed" || (relation == "alternate" && is_feed))
}

fn address(tag: &Tag<'_>, base: &Url) -> Option<Url> {
    let written = plain::decode(tag.get("href").filter(|written| !written.is_empty())?);
    let mut url = base.join(&written).ok()?;
    url.set_fragment(None);
    (matches!(url.scheme(), "http" | "https") && url.has_host() && url.as_str().len() <= MAX_ADDRESS).then_some(url)
}

fn is_of_comments(tag: &Tag<'_>, url: &Url) -> bool {
    let title = tag.get("title").unwrap_or_default().to_lowercase();
    COMMENTS.iter().any(|word| title.contains(word)) || url.path().contains("/comments/")
}

#[cfg(test)]
mod tests {
    use super::{links, usual_places};
    use proptest::prelude::*;
    use url::Url;

    fn page() -> Url {
        "https://example.org/news/".parse().expect("a URL")
    }

    fn found(html: &str) -> Vec<String> {
        links(html, &page()).into_iter().map(String::from).collect()
    }

    #[test]
    fn the_feeds_that_a_page_names_are_found_and_those_of_comments_last() {
        let html = "<!doctype html><html><head><title><link rel=alternate type='application/rss+xml' href=/no></title>\
            <link rel='alternate' type='application/rss+xml' title='Site &raquo; Comments Feed' href='/comments/feed/'>\
            <LINK REL='home ALTERNATE' TYPE='application/rss+xml; charset=utf-8' href='/feed/?a=1&amp;b=2#x'>\
            <link rel=alternate type=application/atom+xml href=atom.xml><link rel=alternate type='application/feed+json' href='//cdn.example/feed.json'>\
            <link rel=alternate type=application/atom+xml href=atom.xml><link rel='alternate' hreflang=fr href='/fr/'>\
            <link rel=stylesheet type='application/rss+xml' href=/x></head><a rel=feed href=/all>All</a>";
        let expected = [
            "https://example.org/feed/?a=1&b=2",
            "https://example.org/news/atom.xml",
            "https://cdn.example/feed.json",
            "https://example.org/all",
            "https://example.org/comments/feed/",
        ];
        assert_eq!(found(html), expected);
    }

    #[test]
    fn a_page_may_say_what_its_addresses_are_relative_to() {
        assert_eq!(
            found("<base href='/other/'><link rel=alternate type='application/rss+xml' href='feed'>"),
            ["https://example.org/other/feed"]
        );
        assert_eq!(found("<base href='javascript:x'><link rel=feed href='feed'>"), ["https://example.org/news/feed"]);
    }

    #[test]
    fn only_addresses_on_the_web_are_found() {
        for address in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/xml,x",
            "ftp://a.example/",
            "",
            "http://",
            "gopher://x",
        ] {
            assert!(found(&format!("<link rel=feed href='{address}'>")).is_empty(), "{address}");
        }
        assert!(found(&"<link rel=feed href='x'>".repeat(10)).len() == 1);
        let many: String = (0..100).map(|n| format!("<link rel=feed href='{n}'>")).collect();
        assert_eq!(found(&many).len(), 20);
    }

    #[test]
    fn the_usual_places_are_at_the_top_and_below_the_page() {
        let places =
            |url: &str| usual_places(&url.parse().expect("a URL")).into_iter().map(String::from).collect::<Vec<_>>();
        assert_eq!(
            places("https://example.org/?x#y")[..2],
            ["https://example.org/feed/", "https://example.org/rss.xml"]
        );
        assert_eq!(places("https://example.org/").len(), 6);
        let below = places("https://example.org/blog?x");
        assert_eq!((below.len(), below[6].as_str()), (12, "https://example.org/blog/feed/"));
    }

    proptest! {
        #[test]
        fn no_page_makes_it_panic(html in "(<(link|a|base) |rel=|feed |alternate |type='|application/rss\\+xml|href=|'|>|/x|http://|é|&amp;){0,40}") {
            let found = links(&html, &page());
            prop_assert!(found.len() <= 20 && found.iter().all(|url| matches!(url.scheme(), "http" | "https")));
        }
    }
}
