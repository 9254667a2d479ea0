//! Consent: how we know that somebody asked, kept so that it can be shown years later. Values only; rows of it are only
//! ever added.

use jiff::Timestamp;

use super::slug::Slug;

/// By which door somebody came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The web pages.
    Web,
    /// Mail that came in.
    Mail,
    /// A subscribers file.
    File,
    /// A CSV that staff imported.
    Import,
    /// Staff, by hand.
    Staff,
}

impl Door {
    /// Every door.
    pub const ALL: [Self; 5] = [Self::Web, Self::Mail, Self::File, Self::Import, Self::Staff];

    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Mail => "mail",
            Self::File => "file",
            Self::Import => "import",
            Self::Staff => "staff",
        }
    }

    /// The door of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|door| door.as_str() == word)
    }
}

/// What somebody did about their subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Asked to join; nothing follows from it before they confirm.
    Asked,
    /// Confirmed from their own mailbox: this is the consent.
    Confirmed,
    /// Chose what they get.
    Chose,
    /// Withdrew.
    Left,
    /// Took leaving back.
    Returned,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 5] = [Self::Asked, Self::Confirmed, Self::Chose, Self::Left, Self::Returned];

    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Confirmed => "confirmed",
            Self::Chose => "chose",
            Self::Left => "left",
            Self::Returned => "returned",
        }
    }

    /// The act of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == word)
    }
}

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consented {
    /// The list.
    pub list: Slug,
    /// What they did.
    pub act: Act,
    /// By which door.
    pub door: Door,
    /// From which network address, as far as it is kept; empty when unknown.
    pub origin: String,
    /// The words they agreed to; empty when none were shown.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::{Act, Door};

    #[test]
    fn each_word_is_read_back() {
        for door in Door::ALL {
            assert_eq!(Door::from_word(door.as_str()), Some(door));
        }
        for act in Act::ALL {
            assert_eq!(Act::from_word(act.as_str()), Some(act));
        }
        assert_eq!((Door::from_word("window"), Act::from_word("slept")), (None, None));
    }
}
