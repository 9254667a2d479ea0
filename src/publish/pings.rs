//! Pings: somebody says that a feed has news, and we look at once instead of when it is due. What comes in is the feed's
//! name and a secret; what goes out is a row that makes the feed due, and whoever waits for it is woken. Nothing of what is
//! mailed comes with a ping: it is fetched from the feed, as ever. However many pings come, there is one look at a time
//! and one more.

use secrecy::ExposeSecret;

use super::{Pass, PassOptions, collecting};
use crate::{
    app::App,
    domain::{feed::Feed, slug::Slug, token},
    newsroom::NewsroomError,
    store::StoreError,
};

/// Why a ping was not taken. The texts are for our log: whoever pinged is not told.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// There is no feed of that name, or nobody may ping it.
    #[error("no feed of that name takes pings")]
    Unknown,
    /// The secret is not the feed's.
    #[error("the secret is wrong")]
    Refused,
    /// It cannot be written down now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a ping. Once this returns well, the feed is looked at even when we are killed.
///
/// # Errors
/// See [`PingError`].
pub async fn ping(app: &App, name: &str, secret: &str) -> Result<(), PingError> {
    let feed = app.config.feed(name).ok_or(PingError::Unknown)?;
    let wanted = feed.ping.as_ref().ok_or(PingError::Unknown)?;
    if !token::is_same_secret(secret.as_bytes(), wanted.expose_secret().as_bytes()) {
        return Err(PingError::Refused);
    }
    hint(app, &feed.name).await?;
    Ok(())
}

/// One of staff wants a feed to be looked at now. It is due from then on, and looked at within moments where the daemon
/// runs, else by the next run.
///
/// # Errors
/// When the store cannot be written.
pub async fn look_now(app: &App, feed: &Feed) -> Result<(), StoreError> {
    app.store.record(app.clock.now(), &format!("feed:{}", feed.name), "look wanted", "by staff").await?;
    hint(app, &feed.name).await
}

/// Makes a feed due now, and wakes whoever looks at it.
pub(super) async fn hint(app: &App, feed: &Slug) -> Result<(), StoreError> {
    app.store.ping_feed(feed).await?;
    if let Some(pinged) = app.pinged.get(feed) {
        pinged.notify_one();
    }
    Ok(())
}

/// Waits until a feed is pinged in this process. A ping that came while nobody waited counts.
pub async fn pinged(app: &App, feed: &Feed) {
    match app.pinged.get(&feed.name) {
        Some(pinged) => pinged.notified().await,
        None => std::future::pending().await,
    }
}

/// Looks at a feed that was pinged, and makes the alerts of what it brought. It waits for no other feed.
///
/// # Errors
/// When the store fails.
pub async fn look_at_pinged(app: &App, feed: &Feed) -> Result<Pass, NewsroomError> {
    collecting::begin_lists(app).await?;
    collecting::look_and_alert(app, feed, PassOptions::default()).await
}
