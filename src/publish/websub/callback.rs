//! What hubs say at our callbacks. A hub that was asked verifies that it was (§5.3), refuses (§5.2), or distributes news
//! (§7). A token says which watch it is about; nothing is believed that we have not asked, and nothing of a distribution
//! but that there is news: the feed itself is looked at.

use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Sha256, Sha384, Sha512};

use super::{about, raise, secret};
use crate::{
    app::App,
    domain::{
        alarm::AlarmKind,
        token::Purpose,
        websub::{self, Mode, Watch, WatchId},
    },
    publish::pings,
    store::StoreError,
};

/// How long a hub that said no is left alone.
const AFTER_NO: SignedDuration = SignedDuration::from_hours(24);

/// The longest challenge that is said back, in bytes, and the longest reason that is shown, in characters.
const LONGEST_CHALLENGE: usize = 1_000;
const LONGEST_REASON: usize = 200;

/// What a hub says by GET: the values of its `hub.…` parameters.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// `subscribe`, `unsubscribe` or `denied`.
    pub mode: String,
    /// What it is about.
    pub topic: String,
    /// What is to be said back.
    pub challenge: String,
    /// For how long it will tell us, in seconds.
    pub lease_seconds: Option<i64>,
    /// Why it says no.
    pub reason: String,
}

/// Why what a hub says is not heeded. The texts are for our log.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// No such watch, or not what we have asked.
    #[error("we have not asked for this")]
    NotAsked,
    /// We want nothing more of it.
    #[error("we no longer want to be told")]
    Gone,
    /// Nothing proves that it is the hub.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// It cannot be written down now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers what a hub says by GET: gives what is to be said back.
///
/// # Errors
/// See [`CallbackError`].
pub async fn answer(app: &App, token: &str, told: &Told) -> Result<String, CallbackError> {
    let watch = watch(app, token).await?.ok_or(CallbackError::NotAsked)?;
    if told.topic != watch.topic || told.challenge.len() > LONGEST_CHALLENGE {
        return Err(CallbackError::NotAsked);
    }
    let is_heeded = match Mode::from_word(&told.mode) {
        Some(Mode::Subscribe) if !told.challenge.is_empty() => begins(app, &watch, told.lease_seconds).await?,
        Some(Mode::Unsubscribe) if !told.challenge.is_empty() => ends(app, &watch).await?,
        None if told.mode == "denied" => is_denied(app, &watch, &told.reason).await?,
        _ => false,
    };
    if is_heeded { Ok(told.challenge.clone()) } else { Err(CallbackError::NotAsked) }
}

async fn begins(app: &App, watch: &Watch, lease_seconds: Option<i64>) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let (lease_until, renew_at) = websub::lease(lease_seconds, now);
    let mut tx = app.store.begin().await?;
    if !tx.watch_begins(watch.id, lease_until, renew_at).await? {
        return Ok(false);
    }
    if watch.lease_until.is_none() {
        tx.record(now, &about(&watch.feed), "hub", &format!("{} tells us of news from now on", watch.hub)).await?;
    }
    // A renewal that went well at once says nothing of other trouble.
    if watch.failures > 1 || watch.lease_until.is_none() {
        tx.clear_alarm(&about(&watch.feed), AlarmKind::HubInTrouble, now).await?;
    }
    tx.commit().await?;
    Ok(true)
}

async fn ends(app: &App, watch: &Watch) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    if !tx.watch_ends(watch.id).await? {
        return Ok(false);
    }
    tx.record(now, &about(&watch.feed), "hub", &format!("{} tells us no more, as we asked", watch.hub)).await?;
    tx.commit().await?;
    Ok(true)
}

async fn is_denied(app: &App, watch: &Watch, reason: &str) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    if !tx.watch_is_denied(watch.id, now.checked_add(AFTER_NO).unwrap_or(Timestamp::MAX)).await? {
        return Ok(false);
    }
    tx.commit().await?;
    let reason: String = reason.chars().filter(|c| !c.is_control() && *c != '@').take(LONGEST_REASON).collect();
    let trouble =
        if reason.trim().is_empty() { "it says no".to_owned() } else { format!("it says no (“{reason}”)") };
    raise(app, watch, &trouble, SignedDuration::ZERO).await?;
    Ok(true)
}

/// A distribution that is coming in. Its content is run through the signature and never kept.
#[derive(Debug)]
pub struct Distribution {
    watch: Watch,
    mac: SignatureMac,
    signature: Vec<u8>,
}

#[derive(Debug)]
enum SignatureMac {
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl Distribution {
    /// Begins with the token of the callback and the value of `X-Hub-Signature`.
    ///
    /// # Errors
    /// See [`CallbackError`].
    pub async fn begin(app: &App, token: &str, signature: &str) -> Result<Self, CallbackError> {
        let watch = watch(app, token).await?.ok_or(CallbackError::Gone)?;
        if watch.wish == Mode::Unsubscribe {
            return Err(CallbackError::Gone);
        }
        let (method, signature) = signature.split_once('=').ok_or(CallbackError::Refused("it has no signature"))?;
        let signature = HEXLOWER_PERMISSIVE
            .decode(signature.trim().as_bytes())
            .map_err(|_| CallbackError::Refused("its signature is no hexadecimal text"))?;
        let secret = secret(app, watch.id);
        let any = "a key may have any length";
        let mac = match method.trim().to_ascii_lowercase().as_str() {
            "sha256" => SignatureMac::Sha256(Hmac::new_from_slice(secret.as_bytes()).expect(any)),
            "sha384" => SignatureMac::Sha384(Hmac::new_from_slice(secret.as_bytes()).expect(any)),
            "sha512" => SignatureMac::Sha512(Hmac::new_from_slice(secret.as_bytes()).expect(any)),
            "sha1" => {
                raise(app, &watch, "it signs with SHA-1, which is not believed", SignedDuration::ZERO).await?;
                return Err(CallbackError::Refused("it is signed with SHA-1"));
            }
            _ => return Err(CallbackError::Refused("nobody knows how it is signed")),
        };
        Ok(Self { watch, mac, signature })
    }

    /// Takes in a piece of the content.
    pub fn take(&mut self, piece: &[u8]) {
        match &mut self.mac {
            SignatureMac::Sha256(mac) => mac.update(piece),
            SignatureMac::Sha384(mac) => mac.update(piece),
            SignatureMac::Sha512(mac) => mac.update(piece),
        }
    }

    /// The content is whole: when the hub has signed it, the feed is due now.
    ///
    /// # Errors
    /// See [`CallbackError`].
    pub async fn end(self, app: &App) -> Result<(), CallbackError> {
        let is_right = match self.mac {
            SignatureMac::Sha256(mac) => mac.verify_slice(&self.signature),
            SignatureMac::Sha384(mac) => mac.verify_slice(&self.signature),
            SignatureMac::Sha512(mac) => mac.verify_slice(&self.signature),
        };
        is_right.map_err(|_| CallbackError::Refused("the signature is wrong"))?;
        pings::hint(app, &self.watch.feed).await?;
        Ok(())
    }
}

/// The watch that a token names.
async fn watch(app: &App, token: &str) -> Result<Option<Watch>, StoreError> {
    match app.secret.verify_number(Purpose::Hub, token) {
        Ok(number) => app.store.watch(WatchId(number)).await,
        Err(_) => Ok(None),
    }
}
