//! Flow C: mail that comes in. One message and what its door knows of it go in; what was done goes out, once it was
//! written down. The same message to the same recipient twice is one. A message that cannot be handled is put aside for
//! a person, so that it neither blocks the others nor makes a mail server send a bounce.

mod act;
mod aside;
pub mod bounce;
pub mod bounces;
pub mod command;
pub mod complaint;
pub mod doors;
pub mod evidence;
pub mod hooks;
pub mod letter;
pub mod machine;

use std::{fmt, panic::AssertUnwindSafe};

use data_encoding::HEXLOWER;
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

pub use self::aside::{drop_letter, retry_letter};
use crate::{
    app::App,
    domain::{report::ReportKind, request::RequestKind, wire::one_line},
    store::StoreError,
};

/// The most of a message that counts, in octets: what is asked for stands at its beginning, and so does what a bounce
/// says.
pub const ENOUGH: usize = 1 << 20;

/// How long it is remembered that a letter was taken. A mail server that did not hear of it tries again for five days
/// (RFC 5321 §4.5.4.1); a mailbox that was restored shows old mail as new.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A letter that fails so often while the store is well is the trouble itself.
const TRIES: i64 = 5;

/// The longest note of what was done, in characters.
const NOTE: usize = 300;

/// One message, as a door hands it in.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The address it came to, when the door knows; else its headers tell.
    pub recipient: Option<&'a str>,
    /// The envelope sender, when the door knows: empty for what machines send (RFC 5321 §4.5.5); else `Return-Path`
    /// tells.
    pub sender: Option<&'a str>,
    /// The whole message, or its first [`ENOUGH`] octets.
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
    /// Nothing now: it was taken before.
    Before,
    /// It cannot be handled and was put aside. The text says why.
    Aside(String),
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("left"),
            Self::Confirmed => f.write_str("confirmed"),
            Self::Asked(kind) => write!(f, "asked: {}", kind.as_str()),
            Self::Reported(kind) => write!(f, "noted: a report ({})", kind.as_str()),
            Self::Nothing(why) => write!(f, "nothing done: {why}"),
            Self::Before => f.write_str("taken before"),
            Self::Aside(why) => write!(f, "put aside: {why}"),
        }
    }
}

/// Why a letter was not handled.
#[derive(Debug)]
enum Failure {
    /// The store did not do it.
    Store(StoreError),
    /// The program has a fault, and this letter shows it.
    Fault,
}

/// Takes in one message. When this returns, it is written down what became of it, and it may be acknowledged.
///
/// First it is acted on, then that is remembered. Whoever is killed in between is sent the message again and acts on it
/// once more, which does no harm: leaving twice is once, a bounce counts once for each delivery, and answers have their
/// guards. The other way round, a kill would make us forget to act.
///
/// # Errors
/// When the store fails: the message shall be handed in again later.
pub async fn take(app: &App, incoming: &Incoming<'_>) -> Result<Taken, StoreError> {
    let incoming = Incoming { bytes: &incoming.bytes[..incoming.bytes.len().min(ENOUGH)], ..*incoming };
    let (digest, now) = (digest(&incoming), app.clock.now());
    if app.store.letter(&digest).await?.is_some_and(|known| known.done.is_some()) {
        return Ok(Taken::Before);
    }
    let why = match unless_it_panics(act::act(app, &incoming)).await {
        Ok(taken) => {
            app.store.letter_taken(&digest, &note(&taken), now).await?;
            return Ok(taken);
        }
        Err(Failure::Store(error)) if error.may_pass() => return Err(error),
        // The store answers and will not do this. Should it only have stumbled, the next try goes through.
        Err(Failure::Store(error)) if app.store.letter_failed(&digest, now).await? < TRIES => return Err(error),
        Err(Failure::Store(error)) => format!("failed {TRIES} times: {error}"),
        Err(Failure::Fault) => "a fault of the program; please report it".to_owned(),
    };
    aside::put_aside(app, &incoming, &digest, &why).await?;
    Ok(Taken::Aside(why))
}

/// Forgets what was taken long ago.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn forget_old_letters(app: &App) -> Result<(), StoreError> {
    let before = app.clock.now().checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    app.store.forget_letters(before).await
}

/// Hostile mail must not end the daemon, nor be tried for ever.
async fn unless_it_panics(work: impl Future<Output = Result<Taken, StoreError>>) -> Result<Taken, Failure> {
    // What the work had begun to write is undone when its transaction is dropped.
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => done.map_err(Failure::Store),
        Err(_) => Err(Failure::Fault),
    }
}

/// What makes two letters one: who gets them and each octet.
fn digest(incoming: &Incoming<'_>) -> String {
    let recipient = incoming.recipient.unwrap_or_default().to_lowercase();
    let mut hash = Sha256::new();
    hash.update(recipient.as_bytes());
    hash.update([0]);
    hash.update(incoming.bytes);
    HEXLOWER.encode(&hash.finalize())
}

/// What was done, fit to be stored whatever the letter held.
fn note(taken: &Taken) -> String {
    one_line(&taken.to_string()).chars().take(NOTE).collect()
}

#[cfg(test)]
mod tests {
    use super::{Failure, Incoming, Taken, digest, note, unless_it_panics};
    use crate::store::StoreError;

    #[test]
    fn letters_are_the_same_when_recipient_and_octets_are() {
        let of = |recipient, sender, bytes| digest(&Incoming { recipient, sender, bytes });
        let one = of(Some("News+Leave.X@example.org"), Some("ana@example.net"), b"Subject: x\r\n");
        assert_eq!(one, of(Some("news+leave.x@example.org"), None, b"Subject: x\r\n"));
        assert_ne!(one, of(Some("news+leave.y@example.org"), None, b"Subject: x\r\n"));
        assert_ne!(one, of(Some("news+leave.x@example.org"), None, b"Subject: x\n"));
        assert_ne!(of(Some("a"), None, b"b"), of(None, None, b"ab"));
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_nothing_worse() {
        let panics = async { Err(panic_of_a_parser()) };
        assert!(matches!(unless_it_panics(panics).await, Err(Failure::Fault)));
        let busy = async { Err(StoreError::Busy) };
        assert!(matches!(unless_it_panics(busy).await, Err(Failure::Store(StoreError::Busy))));
        assert!(matches!(unless_it_panics(async { Ok(Taken::Left) }).await, Ok(Taken::Left)));
    }

    fn panic_of_a_parser() -> StoreError {
        let text = "é";
        StoreError::Damaged(text[1..].to_owned())
    }

    #[test]
    fn a_note_is_short_and_holds_no_control_character() {
        let noted = note(&Taken::Nothing("a\0b\r\nc".repeat(1000)));
        assert!(noted.starts_with("nothing done: a b c") && noted.chars().count() == 300, "{noted}");
    }
}
