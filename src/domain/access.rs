//! Access of programs to the API: the tokens that they hold, and what each may do, on which lists. Values in, values out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::slug::Slug;

/// What every token begins with, so that people and programs that look for lost secrets know one.
const PREFIX: &str = "tidings_";

/// How many hexadecimal digits of 256 random bits follow.
const DIGITS: usize = 64;

/// The number of an access token in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccessTokenId(pub i64);

impl AccessTokenId {
    /// What the ledger calls it: `token:3`.
    pub fn about(self) -> String {
        format!("token:{}", self.0)
    }

    /// The token's text: the prefix, its number, and what nobody can guess.
    pub fn with_secret(self, secret: &str) -> String {
        format!("{PREFIX}{}_{secret}", self.0)
    }

    /// The number and the secret of a text that looks like a token.
    pub fn read(text: &str) -> Option<(Self, &str)> {
        let (number, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
        (secret.len() == DIGITS && is_hex(secret)).then_some((Self(id), secret))
    }
}

/// One thing that a token may be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To see lists.
    ListsRead,
    /// To see who is on a list, with the address masked.
    SubscribersRead,
    /// To put people on a list and take them off.
    SubscribersWrite,
    /// To erase people.
    SubscribersForget,
    /// To see whole addresses wherever one is shown.
    AddressesRead,
    /// To see issues.
    IssuesRead,
    /// To see what an alert would be.
    AlertsWrite,
    /// To send alerts, and to stop issues.
    AlertsSend,
    /// To see who got an issue.
    DeliveriesRead,
    /// To see posts.
    PostsRead,
    /// To see what each run did.
    RunsRead,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 11] = [
        Self::ListsRead,
        Self::SubscribersRead,
        Self::SubscribersWrite,
        Self::SubscribersForget,
        Self::AddressesRead,
        Self::IssuesRead,
        Self::AlertsWrite,
        Self::AlertsSend,
        Self::DeliveriesRead,
        Self::PostsRead,
        Self::RunsRead,
    ];

    /// The word, as typed, stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListsRead => "lists:read",
            Self::SubscribersRead => "subscribers:read",
            Self::SubscribersWrite => "subscribers:write",
            Self::SubscribersForget => "subscribers:forget",
            Self::AddressesRead => "addresses:read",
            Self::IssuesRead => "issues:read",
            Self::AlertsWrite => "alerts:write",
            Self::AlertsSend => "alerts:send",
            Self::DeliveriesRead => "deliveries:read",
            Self::PostsRead => "posts:read",
            Self::RunsRead => "runs:read",
        }
    }

    /// The scope of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }

    /// What it allows, in a few words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::ListsRead => "see lists",
            Self::SubscribersRead => "see who is on a list, with addresses masked",
            Self::SubscribersWrite => "put people on a list, ask them by mail, and take them off",
            Self::SubscribersForget => "erase people for good; needs a token for every list",
            Self::AddressesRead => "see addresses whole wherever they are shown",
            Self::IssuesRead => "see issues and how far each has come",
            Self::AlertsWrite => "see what an alert would be and to how many it would go",
            Self::AlertsSend => "send alerts and stop issues",
            Self::DeliveriesRead => "see who got an issue, with addresses masked",
            Self::PostsRead => "see what the feeds of its lists brought",
            Self::RunsRead => "see what each run did; needs a token for every list",
        }
    }
}

/// Which lists a token reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every list there is and will be, and what belongs to no list.
    Whole,
    /// These lists, and nothing else.
    Lists(Vec<Slug>),
}

impl Reach {
    /// True when it reaches that list.
    pub fn has(&self, list: &Slug) -> bool {
        match self {
            Self::Whole => true,
            Self::Lists(lists) => lists.contains(list),
        }
    }
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Its number.
    pub id: AccessTokenId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// On which lists.
    pub reach: Reach,
    /// From when on it is good for nothing.
    pub expires_at: Option<Timestamp>,
    /// Since when it is good for nothing, because somebody took it back.
    pub revoked_at: Option<Timestamp>,
}

impl Access {
    /// True when it may do that.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// True when it is good for anything at that instant.
    pub fn is_good_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessTokenId, Scope};

    #[test]
    fn a_token_is_read_back_and_nothing_else_is_one() {
        let secret = "0123456789abcdef".repeat(4);
        let token = AccessTokenId(7).with_secret(&secret);
        assert_eq!(AccessTokenId::read(&token), Some((AccessTokenId(7), secret.as_str())));
        for wrong in [
            "",
            "tidings_",
            "tidings_7_",
            &token[..token.len() - 1],
            &format!("{token}0"),
            &token.replace("_7_", "_+7_"),
            &token.replace("_7_", "_99999999999999999999_"),
            &token.replace('a', "A"),
            &format!(" {token}"),
        ] {
            assert_eq!(AccessTokenId::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_scope_is_read_back() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_word(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::from_word("everything"), None);
    }
}
