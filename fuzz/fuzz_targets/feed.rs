//! Fuzzes the reading of feeds: bytes, as a server sends them, with the type that it names. What comes out must be within
//! bounds, the same at each look, and fit to be shown: titles on one line, addresses on the web, no tag or attribute that
//! we do not know.
#![no_main]

use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use tidings::{
    collect::{clean::clean_html, parse},
    domain::post::Post,
};
use url::Url;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    content_type: Option<&'a str>,
    wrap: Wrap,
    bytes: &'a [u8],
}

/// What stands around the bytes, so that the inner readers are reached without the fuzzer having to make up a feed.
#[derive(Arbitrary, Debug)]
enum Wrap {
    Nothing,
    Item,
    Entry,
    Description,
    Date,
    Json,
}

fuzz_target!(|case: Case<'_>| {
    let bytes = wrapped(&case.wrap, case.bytes);
    let url = Url::parse("https://example.org/feed/").expect("a URL");
    let Ok(reading) = parse::read(&bytes, case.content_type, &url) else { return };
    assert!(reading.posts.len() <= 500 && is_line(&reading.title));
    for post in &reading.posts {
        check(post);
    }
    let again = parse::read(&bytes, case.content_type, &url).expect("it was read before");
    assert_eq!(reading.posts, again.posts, "the same at each look");
});

fn check(post: &Post) {
    assert!(!post.fingerprint.is_empty() && !post.title.is_empty());
    assert!(is_line(&post.title) && is_line(&post.summary) && is_line(&post.image_alt));
    assert!(post.title.chars().count() <= 300 && post.categories.len() <= 50);
    assert!(post.categories.iter().all(|name| is_line(name)));
    for address in [&post.link, &post.image].into_iter().flatten() {
        assert!(address.starts_with("http://") || address.starts_with("https://"), "{address}");
    }
    assert!(!post.body_html.to_ascii_lowercase().contains("<script"), "{}", post.body_html);
    let words = |html: &str| html.split_whitespace().collect::<String>();
    assert_eq!(words(&clean_html(&post.body_html, None)), words(&post.body_html), "what is clean stays as it is");
}

fn is_line(text: &str) -> bool {
    !text.contains(char::is_control)
}

fn wrapped(wrap: &Wrap, bytes: &[u8]) -> Vec<u8> {
    let (before, after): (&str, &str) = match wrap {
        Wrap::Nothing => ("", ""),
        Wrap::Item => ("<rss><channel><item>", "</item></channel></rss>"),
        Wrap::Entry => ("<feed><entry><id>x</id>", "</entry></feed>"),
        Wrap::Description => ("<rss><channel><item><description><![CDATA[", "]]></description></item></channel></rss>"),
        Wrap::Date => ("<rss><channel><item><title>x</title><pubDate>", "</pubDate></item></channel></rss>"),
        Wrap::Json => (r#"{"version":"https://jsonfeed.org/version/1","items":[{"#, "}]}"),
    };
    [before.as_bytes(), bytes, after.as_bytes()].concat()
}
