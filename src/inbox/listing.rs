//! The page that lists messages: what was asked for in its address comes in, rows and links go out, newest first.

use serde::{Deserialize, Serialize};
use url::form_urlencoded::Serializer;

use super::{
    Inbox, KeptMessage,
    moment::{Moment, size},
};
use crate::domain::number::grouped;

/// How many rows one page has.
const ROWS: usize = 50;

/// What the page's address asks for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// Words to find.
    #[serde(default)]
    q: String,
    /// Which page, from 1.
    page: Option<usize>,
    /// Whether the page asks for itself again and again.
    live: Option<Live>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Live {
    #[serde(rename = "1")]
    Yes,
}

/// The page's content.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    rows: Vec<Row>,
    words: String,
    /// How many messages are held.
    held: String,
    is_empty: bool,
    is_one: bool,
    /// How many of them were found, when words were asked for.
    found: Option<String>,
    /// Which of them are on this page, as `51–100 of 1,204`; none when they all are.
    span: Option<String>,
    newer: Option<String>,
    older: Option<String>,
    /// Seconds until the page asks for itself again, if it does.
    refresh: Option<u32>,
    is_live: bool,
    /// Where this page goes on by itself, or stops doing so.
    live_link: String,
    address: String,
}

/// One message.
#[derive(Debug, Serialize)]
struct Row {
    id: u64,
    from: String,
    to: String,
    /// How many recipients there are besides `to`.
    more: usize,
    subject: String,
    preview: String,
    received: Moment,
    size: String,
}

impl Listing {
    pub(super) fn new(inbox: &Inbox, asked: &Asked) -> Self {
        let messages = inbox.messages();
        let words = asked.q.trim();
        let lower = words.to_lowercase();
        let wanted: Vec<&str> = lower.split_whitespace().collect();
        let found: Vec<_> =
            messages.iter().rev().filter(|message| wanted.is_empty() || message.mentions(&wanted)).collect();
        let pages = found.len().div_ceil(ROWS).max(1);
        let page = asked.page.unwrap_or(1).clamp(1, pages);
        let first = (page - 1) * ROWS;
        let shown = &found[first..found.len().min(first + ROWS)];
        let span = format!("{}–{} of {}", count(first + 1), count(first + shown.len()), count(found.len()));
        let live = asked.live;
        Self {
            rows: shown.iter().map(|message| Row::new(inbox, message)).collect(),
            words: words.to_owned(),
            held: count(messages.len()),
            is_empty: messages.is_empty(),
            is_one: messages.len() == 1,
            found: (!words.is_empty()).then(|| count(found.len())),
            span: (pages > 1).then_some(span),
            newer: (page > 1).then(|| link(words, page - 1, live)),
            older: (page < pages).then(|| link(words, page + 1, live)),
            // Somebody who waits for the first message should not have to ask for it.
            refresh: live.is_some().then_some(3),
            is_live: live.is_some(),
            live_link: link(words, page, if live.is_some() { None } else { Some(Live::Yes) }),
            address: inbox.address().to_string(),
        }
    }
}

impl Row {
    fn new(inbox: &Inbox, message: &KeptMessage) -> Self {
        let glance = message.glance();
        Self {
            id: message.id,
            from: glance.from.clone(),
            to: message.recipients.first().cloned().unwrap_or_default(),
            more: message.recipients.len().saturating_sub(1),
            subject: glance.subject.clone(),
            preview: glance.preview.clone(),
            received: inbox.moment(message.received_at),
            size: size(message.bytes.len()),
        }
    }
}

fn count(messages: usize) -> String {
    grouped(messages as u64)
}

/// The address of such a page, relative to any page of the list.
fn link(words: &str, page: usize, live: Option<Live>) -> String {
    let mut query = Serializer::new(String::new());
    if !words.is_empty() {
        query.append_pair("q", words);
    }
    if page > 1 {
        query.append_pair("page", &page.to_string());
    }
    if live.is_some() {
        query.append_pair("live", "1");
    }
    let query = query.finish();
    if query.is_empty() { "./".to_owned() } else { format!("./?{query}") }
}

#[cfg(test)]
mod tests {
    use super::{Live, link};

    #[test]
    fn a_link_holds_what_was_asked_for_and_no_more() {
        assert_eq!(link("", 1, None), "./");
        assert_eq!(link("a&b=\"ü", 2, Some(Live::Yes)), "./?q=a%26b%3D%22%C3%BC&page=2&live=1");
    }
}
