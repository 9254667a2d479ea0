//! A subscriber is an address that asked; a subscription is one subscriber on one list, with its state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{address::EmailAddress, slug::Slug};

/// A subscriber's number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubscriberId(pub i64);

/// A line of a CSV file or a form: who is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubscriber {
    /// Their address.
    pub address: EmailAddress,
    /// Their name, cleaned by [`clean_name`]; empty when unknown.
    pub name: String,
}

/// How far a subscription has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionState {
    /// Asked, not yet confirmed.
    Pending,
    /// Gets issues.
    Active,
    /// Left, or was removed. No file and no import brings it back.
    Ended,
}

impl SubscriptionState {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Ended].into_iter().find(|state| state.as_str() == word)
    }
}

impl Consent {
    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Import => "import",
            Self::Staff => "staff",
        }
    }

    /// The consent of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::File, Self::Import, Self::Staff].into_iter().find(|consent| consent.as_str() == word)
    }
}

/// How we know that they asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consent {
    /// A line in `subscribers/<list>.csv`, kept by staff.
    File,
    /// A CSV that staff imported.
    Import,
    /// Staff added them by hand.
    Staff,
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
    /// How we know that they asked.
    pub consent: Consent,
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
