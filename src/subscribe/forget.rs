//! Erasing a person, and giving them what we know of them. An address goes in; a keyed fingerprint stays, so that no file
//! and no import brings them back. Only they can, by asking and confirming.

use std::fmt;

use serde::Serialize;

use crate::{
    app::App,
    domain::{
        address::EmailAddress,
        subscription::{NewSubscriber, Subscriber},
    },
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

/// All that we know of a person, as they may have it.
#[derive(Clone, Debug, Serialize)]
pub struct Data {
    /// Their address.
    address: String,
    /// Their name, as we were given it.
    name: String,
    /// Since when we have their address.
    known_since: String,
    /// What they are and were subscribed to.
    subscriptions: Vec<DataSubscription>,
    /// What they did about it.
    record: Vec<DataLine>,
}

#[derive(Clone, Debug, Serialize)]
struct DataSubscription {
    list: String,
    state: &'static str,
    by: &'static str,
    digests: bool,
    alerts: bool,
    began_at: String,
    ended_at: Option<String>,
    ended_reason: String,
}

#[derive(Clone, Debug, Serialize)]
struct DataLine {
    at: String,
    list: String,
    act: &'static str,
    by: &'static str,
    from: String,
    agreed_to: String,
}

/// Erases a person from every row that says more of them than a number. What waits to be sent to them is dropped.
///
/// # Errors
/// When the store cannot be written. Then nothing was done.
pub async fn forget(app: &App, address: &EmailAddress) -> Result<Forgotten, StoreError> {
    let (now, fingerprint) = (app.clock.now(), app.secret.fingerprint(address));
    let mut tx = app.store.begin().await?;
    tx.one_by_one().await?;
    let found = tx.subscriber_of(address).await?;
    if let Some(subscriber) = found {
        tx.erase_subscriber(subscriber).await?;
    }
    tx.erase_requests(&app.secret.fingerprint(&address.without_tag())).await?;
    tx.remember_forgotten(&fingerprint, now).await?;
    tx.record(now, "subscribers", "erased", "one person, by their own wish or by staff").await?;
    tx.commit().await?;
    Ok(if found.is_some() { Forgotten::Erased } else { Forgotten::NotThere })
}

/// All that we know of a person.
///
/// # Errors
/// When the store cannot be read.
pub async fn data_of(app: &App, subscriber: &Subscriber) -> Result<Data, StoreError> {
    let subscriptions = app.store.subscriptions_of(&subscriber.address).await?;
    let record = app.store.consents_of(subscriber.id).await?;
    Ok(Data {
        address: subscriber.address.reveal().to_owned(),
        name: subscriber.name.clone(),
        known_since: subscriber.added_at.to_string(),
        subscriptions: subscriptions
            .into_iter()
            .map(|it| DataSubscription {
                list: super::title_of(app, &it.list),
                state: it.state.as_str(),
                by: it.consent.as_str(),
                digests: it.choice.digests.flag() == 1,
                alerts: it.choice.alerts.flag() == 1,
                began_at: it.began_at.to_string(),
                ended_at: it.ended_at.map(|at| at.to_string()),
                ended_reason: it.ended_reason,
            })
            .collect(),
        record: record
            .into_iter()
            .map(|line| DataLine {
                at: line.at.to_string(),
                list: super::title_of(app, &line.list),
                act: line.act.as_str(),
                by: line.door.as_str(),
                from: line.origin,
                agreed_to: line.text,
            })
            .collect(),
    })
}

/// All that we know of the person with this address; `None` when that is nothing.
///
/// # Errors
/// When the store cannot be read.
pub async fn data_about(app: &App, address: &EmailAddress) -> Result<Option<Data>, StoreError> {
    let mut tx = app.store.begin().await?;
    let id = tx.subscriber_of(address).await?;
    tx.commit().await?;
    let Some(id) = id else { return Ok(None) };
    match app.store.subscriber(id).await? {
        Some(subscriber) => Ok(Some(data_of(app, &subscriber).await?)),
        None => Ok(None),
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.address, self.name)?;
        writeln!(f, "  known since {}", self.known_since)?;
        for it in &self.subscriptions {
            let gets = match (it.digests, it.alerts) {
                (true, true) => "digests and alerts",
                (true, false) => "digests",
                (false, true) => "alerts",
                (false, false) => "nothing",
            };
            write!(f, "  {}: {}, {gets}, by {} since {}", it.list, it.state, it.by, it.began_at)?;
            match &it.ended_at {
                Some(at) => writeln!(f, ", ended at {at}: {}", it.ended_reason)?,
                None => writeln!(f)?,
            }
        }
        for line in &self.record {
            write!(f, "  {}  {} {} by {}", line.at, line.act, line.list, line.by)?;
            if !line.from.is_empty() {
                write!(f, " from {}", line.from)?;
            }
            if !line.agreed_to.is_empty() {
                write!(f, ": “{}”", line.agreed_to)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
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
