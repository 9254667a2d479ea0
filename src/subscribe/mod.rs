//! Flow B: how people come to a list and leave it: by web and by mail with their own confirmation, by file, by import, by
//! staff's hand, and by the link in each mail. One set of rules, whatever the door.

mod confirm;
pub mod csv;
mod data;
mod export;
mod files;
mod forget;
mod form;
mod guards;
mod import;
mod leaving;
mod network;
mod notices;
mod preferences;
mod requests;

use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        consent::Door,
        slug::Slug,
        subscription::{NewSubscriber, Subscription, SubscriptionState},
    },
    store::StoreError,
};

pub use confirm::{ConfirmError, Confirmed, Confirming, confirm, confirming, mail_to_confirm};
pub use data::{
    Data, DataLine, DataMessage, DataRequest, DataSubscription, DataSuppression, data_about, latest_data_about,
};
pub use export::{Exporting, export};
pub use files::{FileError, Synced, sync_files};
pub use forget::{Forgotten, forget};
pub use form::{FormToken, form_token, read_form_token};
pub use import::{BadLines, ImportError, Imported, Rehearsal, import, rehearse};
pub use leaving::{LeaveError, Leaving, MISTAKE, Parts, Visit, leave, leaving, narrow, stay};
pub use notices::forget_old_notices;
pub(crate) use notices::when_it_comes;
pub use preferences::{
    Chosen, Offered, Preferences, PreferencesError, Rest, Saved, choose, erase, leave_all, preferences,
};
pub use requests::{AskError, Asked, AskedFrom, agreement, answer_requests, ask, forget_old_requests, public_lists};

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

/// Adds one person to a list by staff's hand.
///
/// # Errors
/// When the store cannot be written.
pub async fn add(app: &App, list: &Slug, person: &NewSubscriber, returning: Returning) -> Result<Added, StoreError> {
    let now = app.clock.now();
    let first = app.store.subscriber_ids(1).await?;
    let fingerprint = app.secret.fingerprint(&person.address);
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    let was_erased = !tx.forgotten(&[fingerprint.as_str()]).await?.is_empty();
    match (was_erased, returning) {
        (true, Returning::StaysAway) => {
            tx.commit().await?;
            return Ok(Added::HadLeft);
        }
        (true, Returning::AskedAnew) => tx.no_longer_forgotten(&fingerprint).await?,
        (false, _) => {}
    }
    let joined = tx.subscribe(list, std::slice::from_ref(person), first, Door::Staff, now).await?;
    if joined == 1
        && let Some(subscriber) = tx.subscriber_of(&person.address).await?
    {
        tx.record(now, &subscriber.about(), "subscribed", &format!("to {list}, by staff's hand")).await?;
    }
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
            tx.rejoin(list, found.subscriber, Door::Staff, now).await?;
            let reason = format!("to {list} again, by staff's hand: they asked anew");
            tx.record(now, &found.subscriber.about(), "subscribed", &reason).await?;
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
        Some(found) => {
            let left = leaving::Left { reason: "removed by staff", door: Door::Staff, origin: None, goodbye: None };
            leaving::end(app, &found, left).await
        }
    }
}

/// The title of a list, as readers see it: its name when it is no longer configured.
pub(crate) fn title_of(app: &App, list: &Slug) -> String {
    let configured = app.config.list(list.as_str());
    configured.map_or_else(|| list.to_string(), |configured| configured.title.clone())
}

async fn find(app: &App, list: &Slug, address: &EmailAddress) -> Result<Option<Subscription>, StoreError> {
    let all = app.store.subscriptions_of(address).await?;
    Ok(all.into_iter().find(|subscription| subscription.list == *list))
}
