//! Flow C: mail that comes in: commands, bounces, complaints. One message and what its door knows of it go in; what was
//! done goes out. A message that is not understood is noted and taken all the same, so that no mail server sends a bounce
//! about it.

mod act;
pub mod bounce;
pub mod bounces;
pub mod command;
pub mod complaint;
pub mod evidence;
pub mod letter;
pub mod machine;

use std::fmt;

use crate::{
    app::App,
    domain::{report::ReportKind, request::RequestKind},
    store::StoreError,
};

/// One message, as a door hands it in.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The address it came to, when the door knows; else its headers tell.
    pub recipient: Option<&'a str>,
    /// The envelope sender, when the door knows: empty for what machines send (RFC 5321 §4.5.5); else `Return-Path`
    /// tells.
    pub sender: Option<&'a str>,
    /// The whole message.
    pub bytes: &'a [u8],
}

/// What was done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Its sender's link was good: that subscription has ended.
    Left,
    /// It confirmed what had been asked for.
    Confirmed,
    /// It asks for something, and may be answered by a mail.
    Asked(RequestKind),
    /// It is a report of a message of ours, and was noted.
    Reported(ReportKind),
    /// Nothing: it is not for us, or not understood. The text says why.
    Nothing(String),
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("left"),
            Self::Confirmed => f.write_str("confirmed"),
            Self::Asked(kind) => write!(f, "asked: {}", kind.as_str()),
            Self::Reported(kind) => write!(f, "noted: a report ({})", kind.as_str()),
            Self::Nothing(why) => write!(f, "nothing done: {why}"),
        }
    }
}

/// Takes in one message.
///
/// # Errors
/// When the store fails: the mail server shall try again later.
pub async fn take(app: &App, incoming: &Incoming<'_>) -> Result<Taken, StoreError> {
    let taken = act::act(app, incoming).await?;
    if let Taken::Nothing(why) = &taken {
        app.store.record(app.clock.now(), "intake", "ignored", why).await?;
    }
    Ok(taken)
}
