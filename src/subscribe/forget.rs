//! Erasing a person. An address goes in; a keyed fingerprint stays, so that no file and no import brings them back. Only
//! they can, by asking and confirming.

use crate::{
    app::App,
    domain::{address::EmailAddress, subscription::NewSubscriber},
    store::{StoreError, Tx},
};

/// What erasing somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// They were in our rows, and are no more.
    Erased,
    /// They were not; from now on they cannot come in but by themselves.
    NotThere,
}

/// Erases a person from every row that says more of them than a number: also what relays said of them, and letters of
/// theirs that are kept. What waits to be sent to them is dropped.
///
/// # Errors
/// When the store cannot be written. Then nothing was done.
pub async fn forget(app: &App, address: &EmailAddress) -> Result<Forgotten, StoreError> {
    let (now, fingerprint) = (app.clock.now(), app.secret.fingerprint(address));
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    let found = tx.subscriber_of(address).await?;
    if let Some(subscriber) = found {
        tx.erase_subscriber(subscriber, now).await?;
    }
    tx.erase_dead_letters_from(address).await?;
    tx.erase_requests(&app.secret.fingerprint(&address.without_tag())).await?;
    tx.remember_forgotten(&fingerprint, now).await?;
    tx.record(now, "subscribers", "erased", "one person, by their own wish or by staff").await?;
    tx.commit().await?;
    Ok(if found.is_some() { Forgotten::Erased } else { Forgotten::NotThere })
}

/// Takes those out of a batch who were erased, and gives how many they were.
pub(super) async fn leave_in_peace(app: &App, tx: &mut Tx, people: &mut Vec<NewSubscriber>) -> Result<u64, StoreError> {
    let prints: Vec<_> = people.iter().map(|person| app.secret.fingerprint(&person.address)).collect();
    let forgotten = tx.forgotten(&prints.iter().map(|print| print.as_str()).collect::<Vec<_>>()).await?;
    if forgotten.is_empty() {
        return Ok(0);
    }
    let before = people.len();
    let mut prints = prints.iter();
    people.retain(|_| !prints.next().is_some_and(|print| forgotten.iter().any(|gone| gone == print.as_str())));
    Ok((before - people.len()) as u64)
}
