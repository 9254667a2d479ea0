//! A suppression: an address that we must not write to, and how that came. Who may lift it follows from the kind.

use serde::{Deserialize, Serialize};

/// How an address came to be suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuppressionKind {
    /// Messages came back. The mailbox may be mended.
    Bounce,
    /// The reader called a message spam.
    Complaint,
    /// Staff did it.
    Staff,
}

impl SuppressionKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Bounce, Self::Complaint, Self::Staff];

    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Staff => "staff",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// True when staff may lift it: what a reader wished is not theirs to undo.
    pub fn may_be_lifted(self) -> bool {
        match self {
            Self::Bounce | Self::Staff => true,
            Self::Complaint => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SuppressionKind;

    #[test]
    fn each_kind_is_read_back_from_its_word() {
        for kind in SuppressionKind::ALL {
            assert_eq!(SuppressionKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(SuppressionKind::from_word("mood"), None);
    }
}
