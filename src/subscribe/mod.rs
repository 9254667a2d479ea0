//! Flow B: how people come to a list and leave it: by file, by import, by staff's hand, and by the link in each mail.

pub mod csv;
mod files;
mod import;

use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        slug::Slug,
        subscription::{Consent, NewSubscriber, Subscription, SubscriptionState},
        token::{Purpose, TokenError},
    },
    store::StoreError,
};

pub use files::{FileError, Synced, sync_files};
pub use import::{BadLines, ImportError, Imported, import};

/// What adding by hand came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// They get the list from now on.
    Joined,
    /// They had it already.
    AlreadyActive,
    /// They had left; staff must say that they asked anew.
    HadLeft,
}

/// What staff know of one who had left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returning {
    /// Nothing: who left stays away.
    StaysAway,
    /// They asked to come back.
    AskedAnew,
}

/// A link's subscription.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Whose it is, and how far it has come.
    pub subscription: Subscription,
    /// The list's title, while it is configured.
    pub title: String,
}

/// Why a leave link leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// Not a link of ours.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Signed by us, but the subscription is gone from the store.
    #[error("this link's subscription no longer exists")]
    Gone,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds one person to a list by staff's hand.
///
/// # Errors
/// When the store cannot be written.
pub async fn add(app: &App, list: &Slug, person: &NewSubscriber, returning: Returning) -> Result<Added, StoreError> {
    let now = app.clock.now();
    let first = app.store.subscriber_ids(1).await?;
    let mut tx = app.store.begin().await?;
    let joined = tx.subscribe(list, std::slice::from_ref(person), first, Consent::Staff, now).await?;
    tx.commit().await?;
    if joined == 1 {
        return Ok(Added::Joined);
    }
    let Some(found) = find(app, list, &person.address).await? else {
        return Err(StoreError::Missing(format!("subscriber {}", person.address)));
    };
    match (found.state, returning) {
        (SubscriptionState::Active, _) => Ok(Added::AlreadyActive),
        (_, Returning::StaysAway) => Ok(Added::HadLeft),
        (_, Returning::AskedAnew) => {
            let mut tx = app.store.begin().await?;
            tx.rejoin(list, found.subscriber, Consent::Staff, now).await?;
            tx.commit().await?;
            Ok(Added::Joined)
        }
    }
}

/// Takes one person off a list by staff's hand; `false` when they were not on it.
///
/// # Errors
/// When the store cannot be written.
pub async fn remove(app: &App, list: &Slug, address: &EmailAddress) -> Result<bool, StoreError> {
    match find(app, list, address).await? {
        None => Ok(false),
        Some(found) => end(app, &found, "removed by staff").await,
    }
}

/// Whose subscription a leave link is. It changes nothing.
///
/// # Errors
/// See [`LeaveError`].
pub async fn leaving(app: &App, token: &str) -> Result<Leaving, LeaveError> {
    let claim = app.secret.verify(Purpose::Leave, token)?;
    let list = app.store.name_of_list(claim.list).await?.ok_or(LeaveError::Gone)?;
    let subscription = app.store.subscription(&list, claim.subscriber).await?.ok_or(LeaveError::Gone)?;
    let configured = app.config.lists.iter().find(|configured| configured.name == list);
    let title = configured.map_or_else(|| list.to_string(), |configured| configured.title.clone());
    Ok(Leaving { subscription, title })
}

/// Ends the subscription of a leave link. Asking twice is the same as once; `door` says how it was asked.
///
/// # Errors
/// See [`LeaveError`].
pub async fn leave(app: &App, token: &str, door: &str) -> Result<Leaving, LeaveError> {
    let leaving = leaving(app, token).await?;
    end(app, &leaving.subscription, door).await?;
    Ok(leaving)
}

async fn end(app: &App, subscription: &Subscription, reason: &str) -> Result<bool, StoreError> {
    let mut tx = app.store.begin().await?;
    let ended = tx.end_subscription(&subscription.list, subscription.subscriber, reason, app.clock.now()).await?;
    tx.commit().await?;
    Ok(ended)
}

async fn find(app: &App, list: &Slug, address: &EmailAddress) -> Result<Option<Subscription>, StoreError> {
    let all = app.store.subscriptions_of(address).await?;
    Ok(all.into_iter().find(|subscription| subscription.list == *list))
}
