//! What must be done once, however often a program asks for it: it names its wish by a key, and who asks again with the same
//! key gets the first answer. A key belongs to one token and one wish, and is remembered for a day. Whoever did it may
//! have been killed: then the next who asks does it, and is told when it was begun, to know what was done by then.

use jiff::{SignedDuration, Timestamp};

use super::digest;
use crate::{app::App, domain::access::AccessTokenId, store::StoreError};

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Who has not ended by then was killed: a request is given half of it, after which it is let go.
const LONGEST: SignedDuration = SignedDuration::from_secs(60);

/// Somebody asks for something to be done once.
#[derive(Clone, Copy, Debug)]
pub struct Once<'a> {
    /// Who.
    pub token: AccessTokenId,
    /// The key by which they name it.
    pub key: &'a str,
    /// What is asked for: the route, and the body as it came.
    pub route: &'a str,
    /// See there.
    pub body: &'a [u8],
}

/// What is to be done.
#[derive(Debug)]
pub enum Turn {
    /// It was answered before, so: with a status and a body.
    Answered(u16, String),
    /// It is to be done now.
    Yours(Doing),
}

/// Somebody does it.
#[derive(Debug)]
pub struct Doing {
    token: AccessTokenId,
    name: String,
    turn: i64,
    /// When it was begun by somebody who did not end it, and may have done it; none: nobody has.
    pub begun_before: Option<Timestamp>,
}

/// Why it is not done.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// The key named another wish before.
    #[error("this key came with another request before")]
    AnotherWish,
    /// Somebody is at it.
    #[error("the same request is being done at this moment")]
    UnderWay,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins something that must be done once.
///
/// # Errors
/// See [`OnceError`].
pub async fn begin(app: &App, once: &Once<'_>) -> Result<Turn, OnceError> {
    let now = app.clock.now();
    let name = digest(once.key);
    let request = digest(&format!("{}\n{}", once.route, data_encoding::HEXLOWER.encode(once.body)));
    let oldest = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    app.store.sweep_once(oldest).await?;
    let (is_first, begun) = app.store.begin_once(once.token, &name, &request, now).await?;
    if begun.request != request {
        return Err(OnceError::AnotherWish);
    }
    if let Some((status, body)) = begun.answer {
        return Ok(Turn::Answered(status, body));
    }
    let doing = |turn, begun_before| Turn::Yours(Doing { token: once.token, name: name.clone(), turn, begun_before });
    if is_first {
        return Ok(doing(begun.turn, None));
    }
    if now.duration_since(begun.turn_at) < LONGEST {
        return Err(OnceError::UnderWay);
    }
    match app.store.take_over_once(once.token, &name, begun.turn, now).await? {
        true => Ok(doing(begun.turn + 1, Some(begun.began_at))),
        false => Err(OnceError::UnderWay),
    }
}

impl Doing {
    /// It is done, and was answered so.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn done(self, app: &App, status: u16, body: &str) -> Result<(), StoreError> {
        app.store.end_once(self.token, &self.name, (status, body)).await
    }

    /// Nothing was done, so that the key is free again.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn not_done(self, app: &App) -> Result<(), StoreError> {
        app.store.forget_once(self.token, &self.name, self.turn).await
    }
}

/// Forgets answers that are older than a day.
///
/// # Errors
/// When the store cannot be written.
pub async fn forget_old_answers(app: &App) -> Result<(), StoreError> {
    app.store.sweep_once(app.clock.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN)).await
}
