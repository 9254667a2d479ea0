//! A notice: a mail to one person, or to staff, about something that happened. Plain sentences come in; the template
//! `notice` draws them.

use serde::Serialize;

use crate::domain::address::EmailAddress;

/// What a notice says. All of it is plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The subject, as it is.
    pub subject: String,
    /// The paragraphs, in order.
    pub paragraphs: Vec<String>,
    /// What else there is to know, in two columns.
    pub facts: Vec<Fact>,
    /// Where to do something about it.
    pub button: Option<Button>,
    /// BCP 47 language of the text, such as `en`.
    pub language: String,
    /// Where an answer goes, when not to the sender.
    #[serde(skip)]
    pub reply_to: Option<EmailAddress>,
}

/// One line of a notice's table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// How it stands.
    pub value: String,
}

/// A link drawn as a button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Button {
    /// What pressing it does.
    pub label: String,
    /// Where it goes: http or https.
    pub url: String,
}
