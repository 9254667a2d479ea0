//! Which hub a feed offers (WebSub §4), and asking a hub for something. The headers and bytes of a feed come in, and its
//! offer goes out; a form goes to the hub. Whatever is found is hostile: it is an address on the web and nothing more, and
//! a hub is reached by the same rules as a feed.

use reqwest::header::{HeaderMap, LINK};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{
    CollectError, Collector, charset, is_web, plain,
    tags::{Tag, Token, Tokens},
};
use crate::domain::websub::Offer;

/// A longer address is none, in bytes.
const MAX_ADDRESS: usize = 2_000;

/// The links that matter, as far as they are known.
#[derive(Default)]
struct Links {
    hub: Option<Url>,
    own: Option<Url>,
}

impl Links {
    /// Notes a link with its relations; the first of a kind counts.
    fn note(&mut self, relations: &str, target: &str, base: &Url) {
        let Ok(target) = base.join(target.trim()) else { return };
        if !is_web(&target) || target.as_str().len() > MAX_ADDRESS {
            return;
        }
        for relation in relations.split_ascii_whitespace() {
            if relation.eq_ignore_ascii_case("hub") {
                self.hub.get_or_insert_with(|| target.clone());
            } else if relation.eq_ignore_ascii_case("self") {
                self.own.get_or_insert_with(|| target.clone());
            }
        }
    }
}

/// The hub that a feed offers, by its `Link` headers or in its document. A feed that does not name its own address has
/// that at which it was found.
pub(super) fn offer(headers: &HeaderMap, bytes: &[u8], content_type: Option<&str>, url: &Url) -> Option<Offer> {
    let mut links = Links::default();
    for header in headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok()) {
        of_header(header, url, &mut links);
    }
    if links.hub.is_none() || links.own.is_none() {
        let text = charset::decode(bytes, content_type);
        match text.trim_start().starts_with('{') {
            true => of_json(&text, url, &mut links),
            false => of_xml(&text, url, &mut links),
        }
    }
    Some(Offer { hub: links.hub?, topic: links.own.unwrap_or_else(|| url.clone()) })
}

/// `<address>; rel="hub", …` (RFC 8288 §3).
fn of_header(header: &str, base: &Url, links: &mut Links) {
    let mut rest = header;
    while let Some((_, link)) = rest.split_once('<') {
        let Some((target, parameters)) = link.split_once('>') else { return };
        let end = end_of_parameters(parameters);
        let relations = parameters[..end].split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"'))
        });
        links.note(relations.unwrap_or_default(), target, base);
        rest = &parameters[end..];
    }
}

/// Where the parameters of a link end: at a comma that is not quoted.
fn end_of_parameters(parameters: &str) -> usize {
    let mut is_quoted = false;
    let comma = parameters.char_indices().find(|(_, c)| {
        is_quoted ^= *c == '"';
        *c == ',' && !is_quoted
    });
    comma.map_or(parameters.len(), |(at, _)| at)
}

/// `hubs` and `feed_url` (JSON Feed 1.1).
fn of_json(text: &str, base: &Url, links: &mut Links) {
    let Ok(feed) = serde_json::from_str::<Value>(text) else { return };
    for hub in feed["hubs"].as_array().into_iter().flatten() {
        let is_websub = hub["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("websub"));
        if let (true, Some(address)) = (is_websub, hub["url"].as_str()) {
            links.note("hub", address, base);
        }
    }
    if let Some(own) = feed["feed_url"].as_str() {
        links.note("self", own, base);
    }
}

/// The links of the feed itself, in Atom's form, and not those of its entries.
fn of_xml(text: &str, base: &Url, links: &mut Links) {
    let local = |name: &str| name.rsplit(':').next().unwrap_or_default().to_owned();
    let is_entry = |name: &str| matches!(local(name).as_str(), "item" | "entry");
    let is_link = |tag: &Tag| local(&tag.name) == "link";
    let mut is_inside = false;
    for token in Tokens::new(text) {
        match token {
            Token::Open(tag) if is_entry(&tag.name) => is_inside = !tag.closes_itself,
            Token::Close(name) if is_entry(&name) => is_inside = false,
            Token::Open(tag) if !is_inside && is_link(&tag) => {
                if let (Some(relations), Some(target)) = (tag.get("rel"), tag.get("href")) {
                    links.note(relations, &plain::decode(target), base);
                }
            }
            _ => {}
        }
    }
}

impl Collector {
    /// Asks a hub for something (WebSub §5.1), within ten seconds. That it took the request is all that its answer says.
    ///
    /// # Errors
    /// See [`CollectError`].
    pub async fn ask_hub(&self, hub: &Url, form: &[(&str, &str)]) -> Result<(), CollectError> {
        if !is_web(hub) {
            return Err(CollectError::Address);
        }
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.fetcher.post_form(hub, &form).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderMap, HeaderValue, LINK};
    use url::Url;

    use super::offer;

    fn found(headers: &[&str], text: &str) -> Option<(String, String)> {
        let url: Url = "https://example.org/feed/".parse().expect("url");
        let link = |header: &&str| Some((LINK, HeaderValue::from_str(header).ok()?));
        let headers: HeaderMap = headers.iter().filter_map(link).collect();
        offer(&headers, text.as_bytes(), None, &url).map(|offer| (offer.hub.into(), offer.topic.into()))
    }

    fn pair(hub: &str, topic: &str) -> Option<(String, String)> {
        Some((hub.to_owned(), topic.to_owned()))
    }

    #[test]
    fn a_hub_is_found_in_headers_atom_rss_and_json() {
        let (hub, own) = ("https://hub.example/", "https://example.org/own");
        let both = pair(hub, own);
        assert_eq!(found(&["<https://hub.example/>; rel=\"hub\", </own>; title=\"a, b\"; rel=self"], ""), both);
        assert_eq!(found(&["<https://hub.example/>; rel=hub", "<https://example.org/own>; rel=\"x self\""], ""), both);
        let atom =
            "<feed><link rel=\"hub\" href=\"https://hub.example/\"/><link rel='self' href='/own'/><entry/></feed>";
        assert_eq!(found(&[], atom), both);
        let rss = "<rss><channel><title>x</title><a10:link href=\"/own\" rel=\"self\" type=\"application/rss+xml\" />\
                   <item><atom:link rel=\"hub\" href=\"https://other.example/\"/></item>\
                   <atom:link rel=\"hub\" href=\"https://hub.example/\"/></channel></rss>";
        assert_eq!(found(&[], rss), both);
        let json = r#"{"feed_url": "https://example.org/own", "hubs": [{"type": "rssCloud", "url": "https://x.example/"},
                       {"type": "WebSub", "url": "https://hub.example/"}]}"#;
        assert_eq!(found(&[], json), both);
    }

    #[test]
    fn headers_count_more_than_the_document_and_the_first_hub_counts() {
        let atom = "<feed><link rel=\"hub\" href=\"https://b.example/?a=1&amp;b=2\"/><link rel=\"hub\" href=\"https://c.example/\"/></feed>";
        assert_eq!(
            found(&["<https://a.example/>; rel=hub"], atom),
            pair("https://a.example/", "https://example.org/feed/")
        );
        assert_eq!(found(&[], atom), pair("https://b.example/?a=1&b=2", "https://example.org/feed/"));
    }

    #[test]
    fn what_is_no_address_on_the_web_is_no_hub() {
        for no in ["file:///etc/passwd", "javascript:x", "gopher://x.example/", "https://"] {
            assert_eq!(
                found(&[&format!("<{no}>; rel=hub")], &format!("<feed><link rel=hub href='{no}'/></feed>")),
                None
            );
        }
        assert_eq!(found(&["<https://hub.example/; rel=hub", "https://hub.example/; rel=hub", ""], "<feed/>"), None);
        assert_eq!(found(&[], "<feed><entry><link rel=\"hub\" href=\"https://hub.example/\"/></entry></feed>"), None);
    }

    proptest! {
        #[test]
        fn no_header_and_no_document_panics(header in "[<>;,=\" a-z:/.é]{0,60}", text in "[<>{}\\[\\]/:\"'= a-z]{0,80}") {
            found(&[&header], &text);
        }
    }
}
