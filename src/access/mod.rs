//! Flow H: which programs may use the API. Tokens are made, shown once and taken back; a text that a program shows comes in,
//! and what it is good for goes out. No token is ever written down, only what its secret hashes to, and none reaches a log.
//! What must be done once is kept by `once`.

mod once;

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    app::App,
    domain::access::{Access, AccessTokenId, Reach, Scope},
    store::{Store, StoreError},
};

pub use once::{Doing, Once, OnceError, Turn, begin, forget_old_answers};

/// That a token was used is written down no more often than this.
const NOTED: SignedDuration = SignedDuration::from_hours(1);

/// How long an answer waits for that; it is written afterwards in any case.
const A_MOMENT: Duration = Duration::from_millis(250);

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What it may do; at least one thing.
    pub scopes: &'a [Scope],
    /// On which lists.
    pub reach: Reach,
    /// How long it is good; none: until it is taken back.
    pub good_for: Option<SignedDuration>,
}

/// Makes a token. Gives its number and its text, which is nowhere else.
///
/// # Errors
/// When the store cannot be written.
pub async fn make(app: &App, new: &NewToken<'_>) -> Result<(AccessTokenId, String), StoreError> {
    let now = app.clock.now();
    let secret = HEXLOWER.encode(&rand::random::<[u8; 32]>());
    let access = Access {
        id: AccessTokenId(0),
        name: new.name.to_owned(),
        scopes: new.scopes.to_vec(),
        reach: new.reach.clone(),
        expires_at: new.good_for.map(|span| now.checked_add(span).unwrap_or(Timestamp::MAX)),
        revoked_at: None,
    };
    let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
    let lists = match &new.reach {
        Reach::Whole => "every list".to_owned(),
        Reach::Lists(lists) => lists.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut tx = app.store.begin().await?;
    let id = tx.add_access_token(&access, &digest(&secret), now).await?;
    let why = format!("“{}” may {} on {lists}", new.name, scopes.join(", "));
    tx.record(now, &id.about(), "made", &why).await?;
    tx.commit().await?;
    Ok((id, id.with_secret(&secret)))
}

/// Takes a token back, at once and for good; `false` when there is none of that number, or it was taken back before.
///
/// # Errors
/// When the store cannot be written.
pub async fn revoke(app: &App, id: AccessTokenId) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    if !tx.revoke_access_token(id, now).await? {
        return Ok(false);
    }
    tx.record(now, &id.about(), "revoked", "it is good for nothing from now on").await?;
    tx.commit().await?;
    Ok(true)
}

/// What a text is good for that a program shows; `None` when that is nothing: it is no token of ours, has expired, or was
/// taken back. It compares in constant time, whether there is a token of that number or not.
///
/// # Errors
/// When the store cannot be read.
pub async fn admit(app: &App, text: &str) -> Result<Option<Access>, StoreError> {
    let Some((id, secret)) = AccessTokenId::read(text) else { return Ok(None) };
    let found = app.store.access_token(id).await?;
    let known = found.as_ref().map_or_else(|| digest(""), |found| found.digest.clone());
    let is_same = bool::from(digest(secret).as_bytes().ct_eq(known.as_bytes()));
    let now = app.clock.now();
    let Some(found) = found.filter(|found| is_same && found.access.is_good_at(now)) else { return Ok(None) };
    let unless_since = now.checked_sub(NOTED).unwrap_or(Timestamp::MIN);
    if found.seen_at.is_none_or(|seen| seen < unless_since) {
        let noting = tokio::spawn(note(app.store.clone(), id, unless_since, now));
        // Whoever may only read goes on reading while the store cannot be written, or is busy.
        let _ = tokio::time::timeout(A_MOMENT, noting).await;
    }
    Ok(Some(found.access))
}

/// Notes that a token was used: the one thing that is written when somebody only reads.
async fn note(store: Store, id: AccessTokenId, unless_since: Timestamp, now: Timestamp) {
    if let Err(error) = store.see_access_token(id, unless_since, now).await {
        tracing::warn!("it could not be noted that {} was used: {error}", id.about());
    }
}

fn digest(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}
