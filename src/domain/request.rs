//! A request: somebody asked to join lists, for a link to leave, or for help, and has not confirmed it yet. Values in,
//! values out.

use jiff::{SignedDuration, Timestamp};

use super::{address::EmailAddress, consent::Door, slug::Slug, subscription::Choice, token::Fingerprint};

/// How long a confirmation may be waited for.
pub const CONFIRM_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long the guards remember that an address was written to.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A request's number in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub i64);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// To get lists.
    Join,
    /// A link to leave by: whoever asked could not show that the address is theirs.
    Leave,
    /// How to join and to leave.
    Help,
}

impl RequestKind {
    /// The word, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Help => "help",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Join, Self::Leave, Self::Help].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One list that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The list.
    pub list: Slug,
    /// What of it.
    pub choice: Choice,
}

impl Wish {
    /// All that a list has.
    pub fn whole(list: Slug) -> Self {
        Self { list, choice: Choice::ALL }
    }
}

/// A request as it comes in at a door.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// What is asked for.
    pub kind: RequestKind,
    /// For whom: whoever asks may be somebody else.
    pub address: EmailAddress,
    /// The address as the guards remember it.
    pub fingerprint: Fingerprint,
    /// The lists, and what of each.
    pub wishes: Vec<Wish>,
    /// By which door.
    pub door: Door,
    /// The network it came from, a /24 or /64, or the token of the program that asks, as `token:2`; empty when unknown.
    pub network: String,
    /// The network address, as far as the consent record keeps it.
    pub origin: String,
    /// The words that were agreed to.
    pub text: String,
}

/// A request as the store keeps it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// What is asked for.
    pub kind: RequestKind,
    /// For whom; `None` when it was erased.
    pub address: Option<EmailAddress>,
    /// The lists, and what of each.
    pub wishes: Vec<Wish>,
    /// By which door.
    pub door: Door,
    /// The network it came from.
    pub network: String,
    /// The network address, as far as it is kept.
    pub origin: String,
    /// The words that were agreed to.
    pub text: String,
    /// When.
    pub asked_at: Timestamp,
    /// When it was confirmed, if it was.
    pub confirmed_at: Option<Timestamp>,
}

impl Request {
    /// What of a list is asked for; `None` when it is not among them.
    pub fn choice_of(&self, list: &Slug) -> Option<Choice> {
        self.wishes.iter().find(|wish| wish.list == *list).map(|wish| wish.choice)
    }
}
