//! A post: one entry of a feed, already cleaned, and what was decided about it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{event::Event, slug::Slug};

/// One entry of a feed as collected: cleaned, decoded, its links absolute. Nothing in it can carry a script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// What the feed says makes this entry the same entry tomorrow: its guid, else its link, else a hash of title and date.
    pub fingerprint: String,
    /// Plain text, entities decoded once, one line.
    pub title: String,
    /// Absolute http(s) link to the post on the site, when it has one.
    pub link: Option<String>,
    /// Plain text, one paragraph, without a trailing "[…]".
    pub summary: String,
    /// Cleaned HTML; may be empty.
    pub body_html: String,
    /// Absolute http(s) URL of the lead image.
    pub image: Option<String>,
    /// The lead image's alternative text; empty when the site gave none.
    pub image_alt: String,
    /// Names of the categories, as the site writes them.
    pub categories: Vec<String>,
    /// The feed's own date, when it had one that could be read.
    pub published_at: Option<Timestamp>,
    /// The event that it announces, when that is clear.
    pub event: Option<Event>,
}

impl Post {
    /// The title as compared between two looks at a feed whose ids may have changed: case and space aside.
    pub fn title_key(&self) -> String {
        self.title.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
    }
}

/// What the guards made of a post when it was first seen. Stored, and shown with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It may be mailed.
    News,
    /// It was there on the first look at the feed.
    Baseline,
    /// It was older than the feed's `max_age`.
    Old,
    /// Its title or link was known already under another id.
    Repeat,
    /// Its date is in the future; it becomes news when that comes.
    Waiting,
    /// Too many came at once; a person decides.
    Held,
    /// A person decided that it shall not be mailed.
    Dismissed,
}

/// Routine or breaking, with the reason to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Mailed at once, or gathered into the digest.
    pub urgency: Urgency,
    /// The rule that matched, when one did. Alerts name it at the head of their subject.
    pub rule: Option<Slug>,
    /// One sentence: which rule matched which word, or why none did.
    pub reason: String,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 7] =
        [Self::News, Self::Baseline, Self::Old, Self::Repeat, Self::Waiting, Self::Held, Self::Dismissed];

    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Baseline => "baseline",
            Self::Old => "old",
            Self::Repeat => "repeat",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Dismissed => "dismissed",
        }
    }

    /// The standing of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == word)
    }
}

impl Urgency {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Breaking => "breaking",
        }
    }

    /// The urgency of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Routine, Self::Breaking].into_iter().find(|urgency| urgency.as_str() == word)
    }
}

/// How soon a post must go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// It waits for the digest.
    Routine,
    /// It is mailed at once.
    Breaking,
}

/// A post with what was decided about it, before the store has numbered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What was collected.
    pub post: Post,
    /// What the guards made of it.
    pub standing: Standing,
    /// Why, in words a press officer understands.
    pub standing_reason: String,
    /// Routine or breaking, and why.
    pub verdict: Verdict,
}

/// What is remembered of a post, to know it again when its feed has changed its ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPost {
    /// See [`Post::fingerprint`].
    pub fingerprint: String,
    /// See [`Post::link`].
    pub link: Option<String>,
    /// See [`Post::title_key`].
    pub title_key: String,
    /// See [`Post::published_at`].
    pub published_at: Option<Timestamp>,
}

/// A post as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredPost {
    /// Its number in the store.
    pub id: PostId,
    /// The feed it came from.
    pub feed: Slug,
    /// What was collected.
    #[serde(flatten)]
    pub post: Post,
    /// When we first saw it: what "new" goes by.
    pub first_seen_at: Timestamp,
    /// When it became news, by itself or by a person; `None` when it never did.
    pub news_at: Option<Timestamp>,
    /// What the guards made of it.
    pub standing: Standing,
    /// Why.
    pub standing_reason: String,
    /// Routine or breaking, and why.
    pub verdict: Verdict,
}

impl StoredPost {
    /// The date to show a reader: the feed's own, else when we first saw it.
    pub fn date(&self) -> Timestamp {
        self.post.published_at.unwrap_or(self.first_seen_at)
    }
}

impl PostId {
    /// How the ledger names it.
    pub fn about(self) -> String {
        format!("post:{}", self.0)
    }
}

/// A post's number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PostId(pub i64);
