//! Sessions: who is signed in. What a cookie holds comes in; who that is goes out. A session ends after twelve hours
//! without a sign of life, after seven days, and whenever its owner's password or role changes.

use std::time::Duration;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    domain::{actor::Actor, staff::Staff, token::Purpose},
    store::{Store, StoreError, sessions::StoredSession, staff::Account},
};

const IDLE: SignedDuration = SignedDuration::from_hours(12);
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// That somebody was seen is written down no more often than this.
const NOTED: SignedDuration = SignedDuration::from_mins(1);

/// How long a page waits for that.
const A_MOMENT: Duration = Duration::from_millis(250);

/// Failures older than this are forgotten.
const FAILURES: SignedDuration = SignedDuration::from_hours(24);

/// Somebody is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub staff: Staff,
    /// Whether they sign in with a second factor.
    pub has_factor: bool,
    digest: String,
}

impl Session {
    /// What the store knows it by.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

/// Begins a session of who has shown that they know the password of this account, and have its second factor; `None` when
/// either is another by now. Gives what the cookie holds: nobody can know it who has not seen this answer.
pub(super) async fn begin(app: &App, account: &Account) -> Result<Option<String>, StoreError> {
    let cookie = BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>());
    let mut tx = app.store.begin().await?;
    if !tx.hold_account(account).await? {
        return tx.undo().await.map(|()| None);
    }
    tx.begin_session(&digest(&cookie), account.staff.id, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Some(cookie))
}

/// Who holds this cookie, when its session has not ended. That they ask is a sign of life, and noted.
///
/// # Errors
/// When the store cannot be read.
pub async fn signed_in(app: &App, cookie: &str) -> Result<Option<Session>, StoreError> {
    let Some((session, seen_at)) = whose(app, cookie).await? else { return Ok(None) };
    let now = app.clock.now();
    if now.duration_since(seen_at) > NOTED {
        let noting = tokio::spawn(note(app.store.clone(), session.digest.clone(), now));
        // Whoever looks goes on looking while the store cannot be written, or is busy: that is when they must see it.
        let _ = tokio::time::timeout(A_MOMENT, noting).await;
    }
    Ok(Some(session))
}

/// The same for what a page asks by itself, with nobody before it perhaps: it is no sign of life, and only reads.
///
/// # Errors
/// When the store cannot be read.
pub async fn left_signed_in(app: &App, cookie: &str) -> Result<Option<Session>, StoreError> {
    Ok(whose(app, cookie).await?.map(|(session, _)| session))
}

/// The session of a cookie, and when its owner was last seen.
async fn whose(app: &App, cookie: &str) -> Result<Option<(Session, Timestamp)>, StoreError> {
    let digest = digest(cookie);
    let Some(found) = open_session(app, &digest).await? else { return Ok(None) };
    let account = app.store.account(found.staff).await?;
    if account.ended_at.is_some() {
        return Ok(None);
    }
    let session = Session { has_factor: account.second_factor.is_some(), staff: account.staff, digest };
    Ok(Some((session, found.seen_at)))
}

/// Notes that somebody was seen: the one thing that is written when they only look.
async fn note(store: Store, digest: String, now: Timestamp) {
    let unless_since = now.checked_sub(NOTED).unwrap_or(Timestamp::MIN);
    if let Err(error) = store.see_session(&digest, unless_since, now).await {
        tracing::warn!("it could not be noted that somebody is at the desk: {error}");
    }
}

/// True while a session has not ended. It is no sign of life, and only reads.
///
/// # Errors
/// When the store cannot be read.
pub async fn is_still_signed_in(app: &App, session: &Session) -> Result<bool, StoreError> {
    Ok(open_session(app, &session.digest).await?.is_some())
}

async fn open_session(app: &App, digest: &str) -> Result<Option<StoredSession>, StoreError> {
    let now = app.clock.now();
    let is_open = |found: &StoredSession| {
        now.duration_since(found.seen_at) <= IDLE && now.duration_since(found.began_at) <= LONGEST
    };
    Ok(app.store.session(digest).await?.filter(is_open))
}

/// Ends a session.
///
/// # Errors
/// When the store cannot be written.
pub async fn sign_out(app: &App, session: &Session) -> Result<(), StoreError> {
    let staff = &session.staff;
    let mut tx = app.store.by(Actor::Staff(staff.id)).begin().await?;
    tx.end_session(&session.digest).await?;
    tx.record(app.clock.now(), &staff.id.about(), "signed out", &format!("{} signed out", staff.address)).await?;
    tx.commit().await
}

/// What each form of a session carries, so that no page of somebody else's can send one in its name.
pub fn form_seal(app: &App, session: &Session) -> String {
    app.secret.seal(Purpose::Desk, &session.digest)
}

/// Whether a form carries it. Compares in constant time.
pub fn is_form_seal(app: &App, session: &Session, seal: &str) -> bool {
    app.secret.is_seal(Purpose::Desk, &session.digest, seal)
}

/// Forgets sessions that have ended by themselves, and old failures.
///
/// # Errors
/// When the store cannot be written.
pub async fn forget_old_sessions(app: &App) -> Result<(), StoreError> {
    let ago = |age| app.clock.now().checked_sub(age).unwrap_or(Timestamp::MIN);
    app.store.sweep_sessions(ago(LONGEST), ago(IDLE), ago(FAILURES)).await
}

fn digest(cookie: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(cookie))
}
