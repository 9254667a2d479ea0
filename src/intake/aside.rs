//! Letters that could not be handled: kept whole, told to staff, and tried again or given up by a person. What comes in
//! is the letter or its number. Nothing is thrown away unasked, but where too many are kept: then the oldest makes room,
//! for whoever can write a letter that we cannot read could fill the disk.

use super::{Failure, Incoming, Taken, act, digest, note, unless_it_panics};
use crate::{
    app::App,
    domain::{
        alarm::{Alarm, AlarmKind},
        wire::one_line,
    },
    store::{
        StoreError,
        letters::{KEPT, Unhandled},
    },
};

/// What the alarm is about.
const ABOUT: &str = "intake";

/// Keeps a letter aside and tells staff.
pub(super) async fn put_aside(app: &App, letter: &Incoming<'_>, digest: &str, why: &str) -> Result<(), StoreError> {
    let now = app.clock.now();
    let words = format!(
        "A letter that came in could not be handled and is kept: {why}. `tidings letters list` shows all of these, and \
         `tidings letters retry` tries them again. The newest {KEPT} are kept."
    );
    let alarm = Alarm { about: ABOUT.to_owned(), kind: AlarmKind::LettersAside, words, tell_after: now };
    // No engine takes every character.
    let (recipient, sender) = (letter.recipient.map(one_line), letter.sender.map(one_line));
    let letter = Unhandled {
        digest,
        recipient: recipient.as_deref(),
        sender: sender.as_deref(),
        bytes: letter.bytes,
        reason: why,
    };
    tracing::warn!("a letter could not be handled and is put aside: {why}");
    app.store.put_letter_aside(letter, &alarm, now).await
}

/// Tries a letter that was put aside once more. One that goes through is kept no longer.
///
/// # Errors
/// When there is none of that number, or the store fails.
pub async fn retry_letter(app: &App, id: i64) -> Result<Taken, StoreError> {
    let letters = app.store.dead_letters().await?;
    let letter = letters.into_iter().find(|letter| letter.id == id);
    let letter = letter.ok_or_else(|| StoreError::Missing(format!("letter {id}")))?;
    let bytes = app.store.text_of_dead_letter(id).await?;
    let incoming = Incoming { recipient: letter.recipient.as_deref(), sender: letter.sender.as_deref(), bytes: &bytes };
    match unless_it_panics(act::act(app, &incoming)).await {
        Ok(taken) => {
            app.store.letter_taken(&digest(&incoming), &note(&taken), app.clock.now()).await?;
            drop_letter(app, id).await?;
            Ok(taken)
        }
        Err(Failure::Store(error)) => Err(error),
        Err(Failure::Fault) => Ok(Taken::Aside("a fault of the program; please report it".to_owned())),
    }
}

/// Gives up a letter that was put aside. When it was the last one, staff are told that all is well.
///
/// # Errors
/// When there is none of that number, or the store cannot be written.
pub async fn drop_letter(app: &App, id: i64) -> Result<(), StoreError> {
    let mut tx = app.store.begin().await?;
    if tx.drop_dead_letter(id).await? == 0 {
        tx.clear_alarm(ABOUT, AlarmKind::LettersAside, app.clock.now()).await?;
    }
    tx.commit().await
}
