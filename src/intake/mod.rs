//! Flow C: mail that comes in, so far: leaving by mail. One message and what its door knows of it go in; what was done
//! goes out. A message that is not understood is noted and taken all the same, so that no mail server sends a bounce
//! about it.

mod act;
pub mod hooks;

use crate::{app::App, store::StoreError};

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
    /// Nothing: it is not for us, or not understood. The text says why.
    Nothing(String),
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
