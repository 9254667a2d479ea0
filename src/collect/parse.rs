//! A feed's bytes to posts: RSS 0.9x, 1.0 and 2.0, Atom, JSON Feed. What comes in is hostile and often broken; what goes
//! out is clean, in the feed's order, and has the same fingerprints tomorrow. Takes milliseconds of processor time: call
//! it off the async threads. It asks neither the time nor the store.

use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use feed_rs::{model, parser};
use url::Url;

use super::{
    charset, dates,
    entry::{self, Entry},
    repair,
    tags::{Token, Tokens},
    xml,
};
use crate::domain::post::Post;

/// No more posts than this are taken from one look.
const MAX_POSTS: usize = 500;

/// What was read.
#[derive(Debug)]
pub(super) struct Reading {
    /// The posts, in the feed's order.
    pub(super) posts: Vec<Post>,
    /// What a person who looks after the feed should know.
    pub(super) warnings: Vec<String>,
    /// Whether the document ended too early, so that posts may be missing.
    pub(super) was_cut: bool,
}

/// Why a document was not read: half a sentence about "it".
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAFeed(pub(super) String);

/// Reads a feed that was found at `url`.
pub(super) fn read(bytes: &[u8], content_type: Option<&str>, url: &Url) -> Result<Reading, NotAFeed> {
    let text = charset::decode(bytes, content_type);
    let text = text.trim_start();
    let mut reading = Reading { posts: Vec::new(), warnings: Vec::new(), was_cut: false };
    let feed = match text.chars().next() {
        None => return Err(NotAFeed("it is empty".to_owned())),
        Some('{') => read_json(text, url, &mut reading)?,
        Some(_) if is_web_page(text) => return Err(NotAFeed(web_page(text, url))),
        Some(_) => read_xml(text, url, &mut reading)?,
    };
    let entries = newest_entries(feed.entries, &mut reading.warnings);
    let found: Vec<Entry> = entries.into_iter().filter_map(|found| entry::read(found, url)).collect();
    reading.posts = distinct(found, &mut reading.warnings);
    let undated = reading.posts.iter().filter(|post| post.published_at.is_none()).count();
    if undated > 0 {
        reading.warnings.push(format!("{undated} of {} posts have no date that could be read", reading.posts.len()));
    }
    Ok(reading)
}

fn read_json(text: &str, url: &Url, reading: &mut Reading) -> Result<model::Feed, NotAFeed> {
    parse(text, url).or_else(|reason| {
        let mended = repair::mend_json(text).ok_or(reason)?;
        reading.warnings.push("the feed's JSON had to be repaired".to_owned());
        parse(&mended, url)
    })
}

fn read_xml(text: &str, url: &Url, reading: &mut Reading) -> Result<model::Feed, NotAFeed> {
    let prepared = xml::prepare(text).map_err(|bomb| NotAFeed(bomb.to_string()))?;
    parse(&prepared, url).or_else(|reason| {
        let mended = repair::mend_xml(&prepared);
        // What was taken out may have hidden how deep the rest nests, so it is measured again.
        let text = xml::prepare(&mended.text).map_err(|bomb| NotAFeed(bomb.to_string()))?;
        let feed = parse(&text, url).map_err(|_| reason)?;
        reading.was_cut = mended.was_cut;
        reading.warnings.push("the feed's XML had to be repaired".to_owned());
        if mended.was_cut {
            reading.warnings.push("the feed broke off early, so posts at its end may be missing".to_owned());
        }
        if mended.left_out > 0 {
            reading.warnings.push(format!("{} broken entries of the feed were left out", mended.left_out));
        }
        Ok(feed)
    })
}

fn parse(text: &str, url: &Url) -> Result<model::Feed, NotAFeed> {
    let parser = parser::Builder::new()
        .base_uri(Some(url))
        .sanitize_content(false)
        // Entries without an id keep an empty one; the parser's own would differ at each look.
        .id_generator(|_, _, _| String::new())
        .timestamp_parser(|text| {
            let instant = dates::read(text)?;
            chrono::DateTime::from_timestamp_millis(instant.as_millisecond())
        })
        .build();
    // The parser panics on some odd authors and durations. That must cost this look only, and the repair takes them out.
    match catch_unwind(AssertUnwindSafe(|| parser.parse(text.as_bytes()))) {
        Ok(Ok(feed)) => Ok(feed),
        Ok(Err(error)) => Err(NotAFeed(error.to_string())),
        Err(_) => Err(NotAFeed("it made the parser fail".to_owned())),
    }
}

/// The first 500 entries, or the last when the feed has its newest at the end.
fn newest_entries(mut entries: Vec<model::Entry>, warnings: &mut Vec<String>) -> Vec<model::Entry> {
    if entries.len() > MAX_POSTS {
        warnings.push(format!("the feed holds {} posts; the newest {MAX_POSTS} were read", entries.len()));
        let date = |entry: Option<&model::Entry>| entry.and_then(|entry| entry.published.or(entry.updated));
        if date(entries.first()) < date(entries.last()) {
            entries.drain(..entries.len() - MAX_POSTS);
        }
        entries.truncate(MAX_POSTS);
    }
    entries
}

/// Gives each post a fingerprint of its own. An id that several posts share is none: then their links tell them apart.
fn distinct(entries: Vec<Entry>, warnings: &mut Vec<String>) -> Vec<Post> {
    let mut links_of: HashMap<&str, HashSet<Option<&str>>> = HashMap::new();
    for entry in entries.iter().filter(|entry| !entry.id.is_empty()) {
        links_of.entry(&entry.id).or_default().insert(entry.post.link.as_deref());
    }
    let shared: HashSet<String> =
        links_of.into_iter().filter(|(_, links)| links.len() > 1).map(|(id, _)| id.to_owned()).collect();
    if !shared.is_empty() {
        warnings.push("several posts have the same id; they were told apart by their links".to_owned());
    }
    let mut seen = HashSet::new();
    entries
        .into_iter()
        .map(|entry| {
            let is_shared = shared.contains(&entry.id);
            entry.into_post(is_shared)
        })
        .filter(|post| seen.insert(post.fingerprint.clone()))
        .collect()
}

fn is_web_page(text: &str) -> bool {
    let start: String = text.chars().take(20).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// Says that a page is none, and where the page says its feed is.
fn web_page(text: &str, url: &Url) -> String {
    let feed = Tokens::new(text).find_map(|token| match token {
        Token::Open(tag) if tag.name == "link" => {
            let kind = tag.get("type").unwrap_or_default();
            let is_feed = kind.contains("rss+xml") || kind.contains("atom+xml") || kind.contains("feed+json");
            url.join(tag.get("href")?).ok().filter(|feed| is_feed && feed.scheme().starts_with("http"))
        }
        _ => None,
    });
    match feed {
        Some(feed) => format!("it is a web page; its feed may be at `{feed}`"),
        None => "it is a web page".to_owned(),
    }
}
