//! An alarm: something that people must hear of and that the program cannot mend by itself. What comes in is what
//! happened; what goes out is how it is said. It tells nobody: the flow `newsroom` does.

use jiff::{SignedDuration, Timestamp};

/// How long trouble that may pass by itself lasts before staff are told: a relay that blinks for a minute is no news.
pub const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// How long staff are left in peace with trouble that they have been told of and that goes on.
const TELL_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// What kind of trouble it is. There is at most one alarm of a kind about one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmKind {
    /// A relay cannot be reached, does not let us in, or will not work for us.
    RelayInTrouble,
    /// A relay said that it takes commands ahead of its replies (RFC 2920), and does not.
    RelayBreaksItsWord,
    /// Delivery has stopped an issue in the middle.
    IssueHeld,
    /// So many ask to join or leave that no more mails are sent for it.
    ManyRequests,
    /// The database could not be written for a while.
    StoreUnwritable,
    /// A Maildir or mailbox from which mail is taken cannot be read.
    DoorShut,
    /// Letters that came in could not be handled and were put aside.
    LettersAside,
    /// Receivers refuse our mail for what they think of us.
    MailRefused,
    /// More readers of an issue than may be called it spam.
    ManyComplaints,
    /// A hub that should tell us of a feed's news does not.
    HubInTrouble,
    /// A system of the house does not take what it is told.
    WebhookInTrouble,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::RelayInTrouble,
        Self::RelayBreaksItsWord,
        Self::IssueHeld,
        Self::ManyRequests,
        Self::StoreUnwritable,
        Self::DoorShut,
        Self::LettersAside,
        Self::MailRefused,
        Self::ManyComplaints,
        Self::HubInTrouble,
        Self::WebhookInTrouble,
    ];

    /// The word that stands for it in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RelayInTrouble => "relay-in-trouble",
            Self::RelayBreaksItsWord => "relay-breaks-its-word",
            Self::IssueHeld => "issue-held",
            Self::ManyRequests => "many-requests",
            Self::StoreUnwritable => "store-unwritable",
            Self::DoorShut => "door-shut",
            Self::LettersAside => "letters-aside",
            Self::MailRefused => "mail-refused",
            Self::ManyComplaints => "many-complaints",
            Self::HubInTrouble => "hub-in-trouble",
            Self::WebhookInTrouble => "webhook-in-trouble",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Those who were told of it before this instant may be told again, when it goes on. Of what is no danger they are
    /// told once.
    pub fn told_anew(self, now: Timestamp) -> Timestamp {
        match self {
            Self::RelayBreaksItsWord | Self::LettersAside | Self::HubInTrouble => Timestamp::MIN,
            Self::RelayInTrouble
            | Self::IssueHeld
            | Self::ManyRequests
            | Self::StoreUnwritable
            | Self::DoorShut
            | Self::MailRefused
            | Self::ManyComplaints
            | Self::WebhookInTrouble => now.checked_sub(TELL_AGAIN).unwrap_or(Timestamp::MIN),
        }
    }

    /// It in a few words for people, without saying which thing it is about.
    pub fn title(self) -> &'static str {
        match self {
            Self::RelayInTrouble => "relay in trouble",
            Self::RelayBreaksItsWord => "relay does not keep to what it offers",
            Self::IssueHeld => "issue held",
            Self::ManyRequests => "many ask to join or leave",
            Self::StoreUnwritable => "database could not be written",
            Self::DoorShut => "mail that comes in cannot be fetched",
            Self::LettersAside => "letters that could not be handled",
            Self::MailRefused => "receivers refuse our mail",
            Self::ManyComplaints => "readers call our mail spam",
            Self::HubInTrouble => "hub does not tell us of news",
            Self::WebhookInTrouble => "webhook does not take what it is told",
        }
    }
}

/// An alarm as whoever noticed the trouble raises it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What it is about, as the ledger names it: `relay:main`, `issue:7`, `store`.
    pub about: String,
    /// What kind of trouble it is.
    pub kind: AlarmKind,
    /// What happened and what to do, in sentences for people. Addresses and secrets do not belong into it.
    pub words: String,
    /// Staff are not told before: when it is over by then, they never are. Now, or after [`GRACE`].
    pub tell_after: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::AlarmKind;

    #[test]
    fn each_kind_is_read_back_from_its_word() {
        for kind in AlarmKind::ALL {
            assert_eq!(AlarmKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(AlarmKind::from_word("fire"), None);
    }
}
