//! An issue: one edition of a list, a digest or an alert; or the drill of one, which only staff get.

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
    /// An alert for practice: it takes the whole road, and only staff get it.
    Drill,
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
    /// A drill: as a manual alert.
    Drill(String),
    /// A correction: what it corrects, and a key made from its text.
    Correction(IssueId, String),
    /// A withdrawal: what it withdraws. There is one.
    Withdrawal(IssueId),
}

impl IssueKey {
    /// The key as stored, unique for each list.
    pub fn to_text(&self) -> String {
        match self {
            Self::Slot(slot) => format!("slot:{slot}"),
            Self::Post(post) => format!("post:{}", post.0),
            Self::Manual(key) => format!("manual:{key}"),
            Self::Drill(key) => format!("drill:{key}"),
            Self::Correction(first, key) => format!("correction:{}:{key}", first.0),
            Self::Withdrawal(first) => format!("withdrawal:{}", first.0),
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
    /// The issue that it corrects or withdraws, if it does.
    #[serde(default)]
    pub follows: Option<FollowUp>,
}

/// What a correction or a withdrawal says of the issue before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    /// That issue.
    pub first: IssueId,
    /// Its subject.
    pub subject: String,
    /// When it went out.
    pub went_at: Timestamp,
    /// What becomes of it.
    pub remedy: Remedy,
}

/// What becomes of an issue that was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// Something else is right.
    Correction {
        /// What was wrong, in a sentence; may be empty.
        wrong: String,
    },
    /// Nothing of it shall be believed.
    Withdrawal,
}

impl Draft {
    /// Digest, alert or drill.
    pub fn kind(&self) -> IssueKind {
        match (&self.key, &self.content) {
            (IssueKey::Drill(_), _) => IssueKind::Drill,
            (_, Content::Digest { .. }) => IssueKind::Digest,
            (_, Content::Post(_) | Content::Statement(_)) => IssueKind::Alert,
        }
    }

    /// What it corrects or withdraws, if it does.
    pub fn follows(&self) -> Option<&FollowUp> {
        match &self.content {
            Content::Statement(statement) => statement.follows.as_ref(),
            Content::Digest { .. } | Content::Post(_) => None,
        }
    }

    /// What to call it before it is rendered: its headline.
    pub fn headline(&self) -> &str {
        match &self.content {
            Content::Digest { posts, .. } => posts.first().map_or("", |post| &post.post.title),
            Content::Post(post) => &post.post.title,
            Content::Statement(statement) => &statement.subject,
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
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Digest, Self::Alert, Self::Drill];

    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Alert => "alert",
            Self::Drill => "drill",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind with its article, to begin a sentence with.
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Digest => "A digest",
            Self::Alert => "An alert",
            Self::Drill => "A drill",
        }
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
