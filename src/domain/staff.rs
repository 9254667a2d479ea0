//! Staff: the people who work at the desk, what each may do, and what a password must be. Values in, values out.

use serde::{Deserialize, Serialize};

use super::address::EmailAddress;

/// The number of one of staff in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StaffId(pub i64);

impl StaffId {
    /// What the ledger calls them: `staff:3`.
    pub fn about(self) -> String {
        format!("staff:{}", self.0)
    }
}

/// What somebody is at the desk. Each may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Writes and tests.
    Editor,
    /// Sends, stops, and looks after readers.
    Publisher,
    /// Decides who is staff.
    Owner,
}

/// Something that not everybody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To look at everything but staff's own affairs.
    Look,
    /// To write an alert, look at it, and mail a test of it.
    Write,
    /// To send, hold, release, cancel and correct; to decide about posts and readers.
    Send,
    /// To say who is staff, and in which role.
    Appoint,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::Publisher, Self::Owner];

    /// True when somebody of this role may do it.
    pub fn may(self, right: Right) -> bool {
        let least = match right {
            Right::Look => Self::Viewer,
            Right::Write => Self::Editor,
            Right::Send => Self::Publisher,
            Right::Appoint => Self::Owner,
        };
        self >= least
    }

    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Publisher => "publisher",
            Self::Owner => "owner",
        }
    }

    /// The role of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// What it allows, in a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Viewer => "looks at everything, changes nothing",
            Self::Editor => "writes alerts and tests them; cannot send",
            Self::Publisher => "sends, stops and corrects; decides about posts and readers",
            Self::Owner => "all of that, and says who is staff",
        }
    }
}

/// One of staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Their number.
    pub id: StaffId,
    /// Where they get mail; they sign in with it.
    pub address: EmailAddress,
    /// What colleagues call them; may be empty.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

impl Staff {
    /// What to call them on a page: their name, else their address. Staff see each other's whole.
    pub fn shown(&self) -> &str {
        if self.name.is_empty() { self.address.reveal() } else { &self.name }
    }
}

/// What is wrong with a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It can be tried out.
    #[error("the password has fewer than 12 characters; a sentence of a few words is good")]
    Short,
    /// It would keep us busy.
    #[error("the password has more than 200 characters")]
    Long,
    /// Everybody would try it first.
    #[error("the password is the address, or one character over and over")]
    Plain,
}

/// Looks whether a password that somebody chose is good enough for them (NIST SP 800-63B §3.1.1.2: length, and no rules
/// about kinds of characters).
///
/// # Errors
/// See [`PasswordError`].
pub fn judge_password(password: &str, address: &EmailAddress) -> Result<(), PasswordError> {
    let mut characters = password.chars();
    let first = characters.next();
    match password.chars().count() {
        0..12 => Err(PasswordError::Short),
        201.. => Err(PasswordError::Long),
        _ if characters.all(|c| Some(c) == first) => Err(PasswordError::Plain),
        _ if password.to_lowercase().contains(&address.reveal().to_lowercase()) => Err(PasswordError::Plain),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{PasswordError, Right, Role, judge_password};
    use crate::domain::address::EmailAddress;

    #[test]
    fn each_role_may_do_what_those_before_it_may_and_one_thing_more() {
        let rights = [Right::Look, Right::Write, Right::Send, Right::Appoint];
        for (at, role) in Role::ALL.into_iter().enumerate() {
            let may: Vec<bool> = rights.iter().map(|right| role.may(*right)).collect();
            let expected: Vec<bool> = (0..4).map(|right| right <= at).collect();
            assert_eq!(may, expected, "{role:?}");
            assert_eq!(Role::from_word(role.as_str()), Some(role));
        }
    }

    #[test]
    fn a_password_is_long_and_not_the_first_that_comes_to_mind() {
        let ana = EmailAddress::parse("ana.press@example.org").expect("an address");
        let judge = |password: &str| judge_password(password, &ana);
        assert_eq!(judge("eleven char"), Err(PasswordError::Short));
        assert_eq!(judge("twelve chars"), Ok(()));
        assert_eq!(judge("ຂໍ້ຄວາມທີ່ຍາວພໍ"), Ok(()));
        assert_eq!(judge(&"a".repeat(12)), Err(PasswordError::Plain));
        assert_eq!(judge("Ana.Press@example.org1"), Err(PasswordError::Plain));
        assert_eq!(judge(&"ab".repeat(101)), Err(PasswordError::Long));
    }
}
