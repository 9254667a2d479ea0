//! Why staff's wish was not done.

use jiff::Timestamp;

use crate::{
    domain::address::EmailAddress,
    render::RenderError,
    store::{StoreError, issues::StoredIssue},
};

/// Why staff's wish was not done. Nothing was half done.
#[derive(Debug, thiserror::Error)]
pub enum NewsroomError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template is broken.
    #[error("cannot render the issue")]
    Render(#[from] RenderError),
    /// The same was made before.
    #[error("this {} was made before: issue {}, {}", .0.kind.as_str(), .0.id.0, .0.state.as_str())]
    MadeBefore(Box<StoredIssue>),
    /// The list has the post already, in this issue or as another feed brought it.
    #[error("issue {issue} of `{list}` carries this post already")]
    Carried {
        /// The issue's number.
        issue: i64,
        /// The list.
        list: String,
    },
    /// Staff decided that it shall not be mailed.
    #[error("post {post} was dismissed by staff")]
    Dismissed {
        /// Its number.
        post: i64,
    },
    /// An issue is not in the state that the wish needs.
    #[error("issue {issue} is {state}, not {needed}")]
    WrongState {
        /// Its number.
        issue: i64,
        /// What it is.
        state: &'static str,
        /// What it would have to be.
        needed: &'static str,
    },
    /// config.toml has no such list.
    #[error("the configuration has no list `{0}`")]
    NoList(String),
    /// The list has too little news for a digest now.
    #[error("there is no digest of `{list}` to show now: {why}")]
    NoDigest {
        /// The list.
        list: String,
        /// How much there is, and is wanted.
        why: String,
    },
    /// The headline or the statement has no words.
    #[error("an alert needs a subject and a statement with words in it")]
    Empty,
    /// Nobody would get it, and it could not be sent again to those who join later.
    #[error("the list `{0}` has no readers yet")]
    NoReaders(String),
    /// It is of no more use.
    #[error("the time of issue {issue} ran out at {at}: nothing of it can be sent any more")]
    TooLate {
        /// Its number.
        issue: i64,
        /// When.
        at: Timestamp,
    },
    /// Only those who are told of alarms may decide.
    #[error("`{0}` is not one of `notify` in [staff], and may not send at the desk")]
    NotStaff(EmailAddress),
    /// There is nobody to drill.
    #[error("a drill is for staff, and [staff] notify is empty")]
    NoStaff,
    /// Two people must want it, and they must be known apart.
    #[error("an alert needs a second person, so it must be said who wants this")]
    WhoAreYou,
    /// It waits for somebody else.
    #[error("issue {issue} waits for a second person to approve it")]
    WaitsForSecond {
        /// Its number.
        issue: i64,
    },
    /// Whoever wants it out cannot be the second person.
    #[error("whoever wants issue {issue} out cannot approve it as well")]
    SamePerson {
        /// Its number.
        issue: i64,
    },
    /// Nobody has it, so that nobody need be told that it was wrong.
    #[error("issue {issue} has reached nobody, so there is nobody to tell")]
    NobodyMailed {
        /// Its number.
        issue: i64,
    },
    /// No reader has it.
    #[error("issue {issue} is a drill: no reader has it")]
    OnlyDrill {
        /// Its number.
        issue: i64,
    },
    /// A program took the list for another, or has an old count of it.
    #[error("nothing was done: {expected} readers were expected, and it would go to {readers}")]
    OtherReaders {
        /// How many it expected.
        expected: u64,
        /// How many there are.
        readers: u64,
    },
    /// What was typed is not the word that confirms.
    #[error("nothing was done: type `{word}` to confirm")]
    NotConfirmed {
        /// The word.
        word: String,
    },
}
