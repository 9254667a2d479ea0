//! A subscriber is an address that asked; a subscription is one subscriber on one list, with its state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{address::EmailAddress, consent::Door, slug::Slug};

/// A subscriber's number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubscriberId(pub i64);

impl SubscriberId {
    /// What the ledger calls it.
    pub fn about(self) -> String {
        format!("subscriber:{}", self.0)
    }
}

/// A line of a CSV file or a form: who is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubscriber {
    /// Their address.
    pub address: EmailAddress,
    /// Their name, cleaned by [`clean_name`]; empty when unknown.
    pub name: String,
}

/// A subscriber, without what they are subscribed to.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Their number in the store.
    pub id: SubscriberId,
    /// Their address.
    pub address: EmailAddress,
    /// Their name; may be empty.
    pub name: String,
    /// Since when we have their address.
    pub added_at: Timestamp,
}

/// How far a subscription has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionState {
    /// Gets issues.
    Active,
    /// Left, or was removed. No file and no import brings it back.
    Ended,
}

impl SubscriptionState {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Ended].into_iter().find(|state| state.as_str() == word)
    }
}

/// Whether a reader wants one kind of a list's issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// They get it.
    Yes,
    /// They do not.
    No,
}

/// What a reader gets of one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its digests.
    pub digests: Wanted,
    /// Its alerts.
    pub alerts: Wanted,
}

impl Choice {
    /// All there is.
    pub const ALL: Self = Self { digests: Wanted::Yes, alerts: Wanted::Yes };

    /// True when they want nothing of it.
    pub fn is_nothing(self) -> bool {
        self.digests == Wanted::No && self.alerts == Wanted::No
    }
}

impl Wanted {
    /// As stored.
    pub fn flag(self) -> i64 {
        i64::from(self == Self::Yes)
    }

    /// Of what is stored or ticked.
    pub fn of(is_wanted: bool) -> Self {
        if is_wanted { Self::Yes } else { Self::No }
    }
}

/// One subscription as listings show it. The address is whole: callers mask it unless asked to export.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The subscriber's number.
    pub subscriber: SubscriberId,
    /// Their address.
    pub address: EmailAddress,
    /// Their name; may be empty.
    pub name: String,
    /// The list.
    pub list: Slug,
    /// How far it has come.
    pub state: SubscriptionState,
    /// By which door they asked.
    pub consent: Door,
    /// What they get of it.
    pub choice: Choice,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended, if it did.
    pub ended_at: Option<Timestamp>,
    /// Why it ended; empty while it has not.
    pub ended_reason: String,
}

/// A name fit for a greeting: control characters and angle brackets gone, spaces single, at most 80 characters.
/// What looks like a link or an address is no name at all: it would be a spammer's words in our mail.
pub fn clean_name(text: &str) -> String {
    let kept: String =
        text.chars().map(|c| if c.is_control() || matches!(c, '<' | '>' | '"') { ' ' } else { c }).collect();
    let name = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.contains("://") || name.contains('@') || name.to_lowercase().contains("www.") {
        return String::new();
    }
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::clean_name;

    #[test]
    fn a_name_cannot_carry_headers_or_links() {
        assert_eq!(clean_name("  Ana \t Maria\r\nBcc: x "), "Ana Maria Bcc: x");
        assert_eq!(clean_name("ສົມສີ"), "ສົມສີ");
        assert_eq!(clean_name("Win at https://spam.example"), "");
        assert_eq!(clean_name("www.spam.example"), "");
        assert_eq!(clean_name("a@b.example"), "");
        assert_eq!(clean_name(&"x".repeat(200)).chars().count(), 80);
    }
}
