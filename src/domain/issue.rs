//! An issue: one edition of a list, a digest or an alert.

use jiff::{Timestamp, civil::DateTime};
use serde::{Deserialize, Serialize};

use super::{
    post::{PostId, StoredPost},
    slug::Slug,
};

/// An issue's number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IssueId(pub i64);

impl IssueId {
    /// What the ledger and alarms call it: `issue:7`.
    pub fn about(self) -> String {
        format!("issue:{}", self.0)
    }
}

/// A digest or an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssueKind {
    /// The posts of a slot, gathered.
    Digest,
    /// One breaking statement, at once.
    Alert,
}

/// What makes an issue one of a kind, so that two runs, two daemons or two clicks make it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssueKey {
    /// A digest: the local date and time of its slot.
    Slot(DateTime),
    /// An automatic alert: its post.
    Post(PostId),
    /// A manual alert: the key its author gave, or one made from its text.
    Manual(String),
}

impl IssueKey {
    /// The key as stored, unique for each list.
    pub fn to_text(&self) -> String {
        match self {
            Self::Slot(slot) => format!("slot:{slot}"),
            Self::Post(post) => format!("post:{}", post.0),
            Self::Manual(key) => format!("manual:{key}"),
        }
    }
}

/// What an issue says, before it is rendered: the outcome of composing.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The list it is an edition of.
    pub list: Slug,
    /// What makes it one of a kind.
    pub key: IssueKey,
    /// What it carries.
    pub content: Content,
}

/// What an issue carries.
#[derive(Clone, Debug)]
pub enum Content {
    /// Posts, newest first; `more` are those beyond the list's `max_posts`, to be linked by title.
    Digest {
        /// Shown in full or as excerpts.
        posts: Vec<StoredPost>,
        /// Shown as titles.
        more: Vec<StoredPost>,
        /// Alerts since the digest before, each named in a line.
        alerts: Vec<SentAlert>,
    },
    /// A breaking post, mailed as it is.
    Post(Box<StoredPost>),
    /// A statement written by staff.
    Statement(Statement),
}

/// An alert that a list has sent, as its next digest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentAlert {
    /// Its subject.
    pub subject: String,
    /// Where it can be read, when there is such a place.
    pub link: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// A statement written by staff, its HTML already cleaned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The headline and subject.
    pub subject: String,
    /// Cleaned HTML made from its Markdown.
    pub body_html: String,
    /// When it was made.
    pub written_at: Timestamp,
}

impl Draft {
    /// Digest or alert.
    pub fn kind(&self) -> IssueKind {
        match self.content {
            Content::Digest { .. } => IssueKind::Digest,
            Content::Post(_) | Content::Statement(_) => IssueKind::Alert,
        }
    }

    /// The numbers of all posts in it, in order.
    pub fn post_ids(&self) -> Vec<PostId> {
        match &self.content {
            Content::Digest { posts, more, .. } => posts.iter().chain(more).map(|post| post.id).collect(),
            Content::Post(post) => vec![post.id],
            Content::Statement(_) => Vec::new(),
        }
    }
}

impl IssueKind {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Alert => "alert",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Digest, Self::Alert].into_iter().find(|kind| kind.as_str() == word)
    }
}

impl IssueState {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Queued => "queued",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Held, Self::Queued, Self::Cancelled].into_iter().find(|state| state.as_str() == word)
    }
}

/// How far an issue has come. Its deliveries tell the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssueState {
    /// Stopped until a person releases it.
    Held,
    /// Rendered, frozen and handed to the queue.
    Queued,
    /// A person stopped it; what was not sent will not be.
    Cancelled,
}
