//! Fuzzes the finding of feeds in a web page. A page comes in; what is found must be few, on the web, and each only once.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use tidings::collect::{
    discover,
    parse::{self, NotAFeed},
};
use url::Url;

fuzz_target!(|html: &str| {
    let page = Url::parse("https://user:secret@example.org/news/?x=1#y").expect("a URL");
    let found = discover::links(html, &page);
    let distinct: HashSet<&Url> = found.iter().collect();
    assert!(found.len() <= 20 && distinct.len() == found.len());
    for url in &found {
        assert!(matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none(), "{url}");
        assert!(discover::usual_places(url).len() <= 12);
    }
    let read = parse::read(format!("<html>{html}").as_bytes(), Some("text/html; charset=utf-8"), &page);
    assert!(matches!(read, Err(NotAFeed::WebPage { feeds }) if feeds.len() <= 20));
});
