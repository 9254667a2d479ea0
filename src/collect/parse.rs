//! A feed's bytes to posts: RSS 0.9x, 1.0 and 2.0, Atom, JSON Feed. What comes in is hostile and often broken; what goes
//! out is clean, in the feed's order, and has the same fingerprints tomorrow. Takes milliseconds of processor time: call
//! it off the async threads. It asks neither the time nor the store.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use url::Url;

use super::{
    charset, discover,
    document::{self, Document, MAX_ENTRIES},
    entities,
    entry::{self, Entry},
    fields::{self, Given},
    json,
    xml::{Piece, Pieces, name_of},
};
use crate::domain::post::Post;

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// What kind of feed it is.
    pub format: Format,
    /// The feed's own title; empty when it has none.
    pub title: String,
    /// The posts, in the feed's order.
    pub posts: Vec<Post>,
    /// What a person who looks after the feed should know.
    pub warnings: Vec<String>,
    /// Whether the document ended too early, so that posts may be missing.
    pub was_cut: bool,
}

/// What kinds of feed there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RSS, but for 0.90 and 1.0.
    Rss,
    /// RSS 0.90 and 1.0, which are RDF.
    Rdf,
    /// Atom.
    Atom,
    /// Channel Definition Format.
    Cdf,
    /// JSON Feed.
    Json,
}

impl Format {
    /// Its name, as people know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rss => "RSS",
            Self::Rdf => "RSS 1.0",
            Self::Atom => "Atom",
            Self::Cdf => "CDF",
            Self::Json => "JSON Feed",
        }
    }

    /// By the root of the document.
    fn of(root: &str) -> Self {
        match root {
            "feed" | "entry" => Self::Atom,
            "rdf" => Self::Rdf,
            "channel" => Self::Cdf,
            _ => Self::Rss,
        }
    }
}

/// Why a document was not read: half a sentence about "it".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAFeed {
    /// It is HTML.
    #[error("it is a web page")]
    WebPage {
        /// The feeds that the page names, those of comments last.
        feeds: Vec<Url>,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Reads a feed that was found at `url`.
///
/// # Errors
/// [`NotAFeed`] when it holds no feed, however broken.
pub fn read(bytes: &[u8], content_type: Option<&str>, url: &Url) -> Result<Reading, NotAFeed> {
    let text = charset::decode(bytes, content_type);
    let text = text.trim_start();
    let mut reading =
        Reading { format: Format::Json, title: String::new(), posts: Vec::new(), warnings: Vec::new(), was_cut: false };
    if let Some(name) = charset::unknown(bytes, content_type) {
        reading
            .warnings
            .push(format!("the feed names an encoding that is not known here, `{name}`; letters may be wrong"));
    }
    let found = match text.chars().next() {
        None => return Err(NotAFeed::Other("it is empty".to_owned())),
        Some('{') => read_json(text, &mut reading)?,
        Some(_) if is_web_page(text) => return Err(NotAFeed::WebPage { feeds: discover::links(text, url) }),
        Some(_) => read_xml(text, url, &mut reading)?,
    };
    reading.posts = posts(&found, url, &mut reading.warnings);
    let undated = reading.posts.iter().filter(|post| post.published_at.is_none()).count();
    if undated > 0 {
        reading.warnings.push(format!("{undated} of {} posts have no date that could be read", reading.posts.len()));
    }
    Ok(reading)
}

/// The posts of entries that were found at `url`, in their order.
pub(super) fn posts(found: &[Given], url: &Url, warnings: &mut Vec<String>) -> Vec<Post> {
    let entries: Vec<Entry> = found.iter().filter_map(|found| entry::read(found, url)).collect();
    distinct(entries, warnings)
}

fn read_json(text: &str, reading: &mut Reading) -> Result<Vec<Given>, NotAFeed> {
    let feed = json::read(text).map_err(NotAFeed::Other)?;
    if feed.is_mended {
        reading.warnings.push("the feed's JSON had to be repaired".to_owned());
    }
    reading.title = feed.title;
    let count = feed.items.len();
    let mut first = feed.items;
    let last = first.split_off(count.min(MAX_ENTRIES));
    let last = last.into_iter().rev().take(MAX_ENTRIES).rev().collect();
    Ok(newest(first, last, count, &mut reading.warnings))
}

fn read_xml(text: &str, url: &Url, reading: &mut Reading) -> Result<Vec<Given>, NotAFeed> {
    let text = entities::expanded(text);
    let Document { root, head, first, last, count, mended } =
        document::read(&text, url).map_err(|reason| NotAFeed::Other(reason.to_string()))?;
    reading.format = Format::of(&root);
    if mended.is_mended {
        reading.warnings.push("the feed's XML had to be repaired".to_owned());
    }
    if mended.was_cut {
        reading.warnings.push("the feed broke off early, so posts at its end may be missing".to_owned());
    }
    if mended.left_out > 0 {
        reading.warnings.push(format!("{} broken entries of the feed were left out", mended.left_out));
    }
    reading.was_cut = mended.was_cut;
    reading.title = fields::feed_title(&head);
    let first = first.iter().map(fields::read).collect();
    Ok(newest(first, last.iter().map(fields::read).collect(), count, &mut reading.warnings))
}

/// The first 500 entries, or the last when the feed has its newest at the end.
fn newest(mut first: Vec<Given>, mut last: Vec<Given>, count: usize, warnings: &mut Vec<String>) -> Vec<Given> {
    if last.is_empty() {
        return first;
    }
    warnings.push(format!("the feed holds {count} posts; the newest {MAX_ENTRIES} were read"));
    let date = |found: Option<&Given>| found.and_then(|found| found.published_at);
    if date(first.first()) < date(last.last()) {
        let missing = MAX_ENTRIES.saturating_sub(last.len()).min(first.len());
        let mut newest = first.split_off(first.len() - missing);
        newest.append(&mut last);
        return newest;
    }
    first
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

/// Whether a document is HTML, however it begins.
fn is_web_page(text: &str) -> bool {
    let start: String = text.chars().take(20).collect::<String>().to_ascii_lowercase();
    let root = Pieces { rest: text }.take(20).find_map(|piece| match piece {
        Piece::Tag(tag) => Some(name_of(tag)),
        _ => None,
    });
    start.starts_with("<!doctype html") || root.is_some_and(|name| name.eq_ignore_ascii_case("html"))
}
