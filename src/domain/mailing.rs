//! A mailing: an issue or a notice, rendered once and frozen. The narrow waist of the house: to its left nobody
//! knows SMTP, to its right nobody knows feeds or templates.
//!
//! The frozen text is ASCII MIME with *slot marks* where readers differ. A mark stands alone in its line, between
//! soft line breaks of the quoted-printable encoding, so that a value of any length and script can take its place.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{delivery::Lane, issue::IssueId, slug::Slug};

/// A mailing's number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailingId(pub i64);

/// A place in a mailing that differs from reader to reader. The set is closed: templates can use no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// "Hello Ana," or "Hello,".
    Greeting,
    /// The reader's own address, for "this was sent to …".
    Address,
    /// The page to leave the list.
    LeaveUrl,
    /// The page to choose what one gets.
    PreferencesUrl,
    /// The issue on the web.
    WebUrl,
}

impl Slot {
    /// Every slot there is.
    pub const ALL: [Self; 5] = [Self::Greeting, Self::Address, Self::LeaveUrl, Self::PreferencesUrl, Self::WebUrl];

    /// The slot's name in templates (`slot.leave_url`) and marks.
    pub fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Address => "address",
            Self::LeaveUrl => "leave_url",
            Self::PreferencesUrl => "preferences_url",
            Self::WebUrl => "web_url",
        }
    }

    /// The slot of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.name() == name)
    }
}

/// How a slot's value must be written where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotForm {
    /// As it is: the text part.
    Text,
    /// With `& < > " '` escaped: the HTML part.
    Html,
}

/// One reader's values for the slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotValues {
    /// See [`Slot::Greeting`].
    pub greeting: String,
    /// See [`Slot::Address`].
    pub address: String,
    /// See [`Slot::LeaveUrl`].
    pub leave_url: String,
    /// See [`Slot::PreferencesUrl`].
    pub preferences_url: String,
    /// See [`Slot::WebUrl`].
    pub web_url: String,
}

impl SlotValues {
    /// The value for one slot.
    pub fn get(&self, slot: Slot) -> &str {
        match slot {
            Slot::Greeting => &self.greeting,
            Slot::Address => &self.address,
            Slot::LeaveUrl => &self.leave_url,
            Slot::PreferencesUrl => &self.preferences_url,
            Slot::WebUrl => &self.web_url,
        }
    }
}

/// What render gives: everything that all readers share, before the store has numbered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// The subject, decoded, for people to read in listings.
    pub subject: String,
    /// The shared headers and the MIME body, with slot marks; ASCII, lines end in CRLF.
    pub message: String,
    /// What a person should know of how it came out ("cut to excerpts to stay under 100 KB"), for the ledger.
    pub notes: Vec<String>,
}

/// A mailing as the store keeps it; it never changes.
#[derive(Clone, Debug)]
pub struct Mailing {
    /// Its number in the store.
    pub id: MailingId,
    /// What it is a rendering of.
    pub purpose: Purpose,
    /// Which deliveries go first.
    pub lane: Lane,
    /// The subject, decoded.
    pub subject: String,
    /// See [`Rendered::message`].
    pub message: String,
    /// The `Date` header of every message of it.
    pub made_at: Timestamp,
    /// After this instant what was not sent is `expired`.
    pub expires_at: Option<Timestamp>,
    /// The mailing that it answers: each reader's message refers to their own message of that one.
    pub answers: Option<MailingId>,
}

/// What a mailing is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An edition of a list: it carries the list's headers.
    Issue {
        /// The issue.
        issue: IssueId,
        /// Its list.
        list: Slug,
    },
    /// The drill of an alert, for staff: it is stopped and released as one, and carries no header of a list.
    Drill {
        /// The issue.
        issue: IssueId,
    },
    /// A mail to one person, about their subscription or for staff.
    Notice,
}

impl Purpose {
    /// The issue, when it is of one.
    pub fn issue(&self) -> Option<IssueId> {
        match self {
            Self::Issue { issue, .. } | Self::Drill { issue } => Some(*issue),
            Self::Notice => None,
        }
    }
}
