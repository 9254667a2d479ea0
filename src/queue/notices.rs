//! Notices: what is mailed to named people, written down by itself or in the transaction of what it tells of.

use jiff::Timestamp;

use super::{batch, numbered};
use crate::{
    domain::{
        address::EmailAddress,
        delivery::Lane,
        mailing::{Mailing, MailingId, Purpose, Rendered},
        subscription::SubscriberId,
    },
    store::{Store, StoreError, Tx},
};

/// A notice that is ready to be written down, together with what it tells of.
#[derive(Clone, Debug)]
pub struct ReadyNotice {
    mailing: Mailing,
    people: Vec<SubscriberId>,
}

/// Makes a notice to named people ready.
///
/// # Errors
/// When the store cannot be written.
pub async fn ready_notice(
    store: &Store,
    rendered: &Rendered,
    people: &[EmailAddress],
    now: Timestamp,
) -> Result<ReadyNotice, StoreError> {
    let people = store.people(people, now).await?;
    let mailing = numbered(store.mailing_id().await?, Purpose::Notice, Lane::Notice, rendered, now);
    Ok(ReadyNotice { mailing, people })
}

/// A notice to one reader, of a fresh number, ready to be written down.
pub fn notice_to(id: MailingId, rendered: &Rendered, reader: SubscriberId, now: Timestamp) -> ReadyNotice {
    ReadyNotice { mailing: numbered(id, Purpose::Notice, Lane::Notice, rendered, now), people: vec![reader] }
}

/// Queues a notice that is ready, within the transaction of what it tells of.
///
/// # Errors
/// When the store cannot be written.
pub async fn write_notice(tx: &mut Tx, notice: &ReadyNotice) -> Result<(), StoreError> {
    let ReadyNotice { mailing, people } = notice;
    tx.add_mailing(mailing).await?;
    tx.queue_to_people(batch(mailing, mailing.made_at), people).await?;
    Ok(())
}

/// Queues a notice by itself.
///
/// # Errors
/// When the store cannot be written.
pub async fn queue_notice(
    store: &Store,
    rendered: &Rendered,
    people: &[EmailAddress],
    now: Timestamp,
) -> Result<(), StoreError> {
    let notice = ready_notice(store, rendered, people, now).await?;
    let mut tx = store.begin().await?;
    write_notice(&mut tx, &notice).await?;
    tx.commit().await
}
