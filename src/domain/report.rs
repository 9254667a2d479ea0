//! A report: what another system says became of a message of ours. It comes by mail, by a provider's webhook, or from the
//! relay itself; what is done about it is the same.

use serde::{Deserialize, Serialize};

use super::{address::EmailAddress, mailing::MailingId, subscription::SubscriberId};

/// What another system says of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The delivery, when something that only we can make names it.
    pub delivery: Option<(MailingId, SubscriberId)>,
    /// The reader, when the report names one.
    pub recipient: Option<EmailAddress>,
    /// What it says.
    pub kind: ReportKind,
    /// The enhanced status code (RFC 3463), when it gives one.
    pub code: Option<(u8, u16, u16)>,
    /// Why, in the other system's words.
    pub words: String,
}

/// What a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    /// There is no such reader any more: nothing shall be sent there again.
    Hard,
    /// It did not work this time: the mailbox is full, the system is away.
    Soft,
    /// We were refused, not the reader: a blocklist, a missing signature, a house rule about senders.
    Policy,
    /// The reader called our message spam.
    Complaint,
}

impl ReportKind {
    /// Every kind, the weakest first: of two reports about one delivery the stronger one stands.
    pub const ALL: [Self; 4] = [Self::Policy, Self::Soft, Self::Hard, Self::Complaint];

    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
            Self::Policy => "policy",
            Self::Complaint => "complaint",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// How strong it is: its place in [`Self::ALL`].
    pub fn strength(self) -> usize {
        match self {
            Self::Policy => 0,
            Self::Soft => 1,
            Self::Hard => 2,
            Self::Complaint => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ReportKind;

    #[test]
    fn each_kind_is_read_back_from_its_word_and_has_its_strength() {
        for (strength, kind) in ReportKind::ALL.into_iter().enumerate() {
            assert_eq!((ReportKind::from_word(kind.as_str()), kind.strength()), (Some(kind), strength));
        }
        assert_eq!(ReportKind::from_word("vacation"), None);
    }
}
