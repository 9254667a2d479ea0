//! How deliveries come to be: a mailing to every reader of a list, to named people, or to those who were mailed another.
//! Each is one statement, and may run again with no harm where that is said.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::counts::Counting;
use crate::{
    domain::{
        delivery::Lane,
        issue::{IssueId, IssueKind},
        mailing::MailingId,
        slug::Slug,
        subscription::SubscriberId,
    },
    store::{Store, StoreError, Tx, mailings::lane_rank, ms, subscribers},
};

/// What is queued, and when.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// The mailing.
    pub mailing: MailingId,
    /// Which goes first.
    pub lane: Lane,
    /// Nothing of it is due before.
    pub goes_at: Timestamp,
    /// When it is queued.
    pub now: Timestamp,
}

/// The condition of deliveries of that name whose reader has, or may have, the message. One that had no clear answer and
/// was tried again may have arrived whatever the relay said of the later try.
pub(super) fn mailed(delivery: &str) -> String {
    format!("({delivery}.state IN ('sent', 'unknown') OR {delivery}.was_unknown = 1)")
}

impl Store {
    /// How many readers of a list were mailed this, perhaps have it, and may still be written to.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_mailed(&self, list: &Slug, mailing: MailingId) -> Result<u64, StoreError> {
        let (reachable, mailed) = (subscribers::reachable("$2"), mailed("d"));
        let (count,): (i64,) = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT COUNT(*) FROM deliveries d JOIN subscriptions u ON u.subscriber = d.subscriber AND {reachable}
             WHERE d.mailing = $1 AND {mailed}"
        )))
        .bind(mailing.0)
        .bind(list.as_str())
        .fetch_one(&self.reader)
        .await?;
        Ok(count.unsigned_abs())
    }

    /// How many readers may have the message of an issue, though a later try of theirs came to another end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_in_doubt(&self, issue: IssueId) -> Result<u64, StoreError> {
        let (count,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM deliveries d WHERE d.mailing IN (SELECT id FROM mailings WHERE issue = $1)
               AND d.was_unknown = 1 AND d.state NOT IN ('sent', 'unknown', 'sending')",
        )
        .bind(issue.0)
        .fetch_one(&self.reader)
        .await?;
        Ok(count.unsigned_abs())
    }
}

impl Tx {
    /// Queues a mailing to every reader of a list who shall get an issue of this kind; gives how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn queue_to_list(&mut self, batch: Batch, list: &Slug, kind: IssueKind) -> Result<u64, StoreError> {
        let readers = subscribers::readers(kind, "$5");
        let done = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO deliveries (mailing, subscriber, lane, state, try_at, queued_at, changed_at)
             SELECT $1, u.subscriber, $2, 'queued', $3, $4, $4 FROM subscriptions u WHERE {readers}"
        )))
        .bind(batch.mailing.0)
        .bind(lane_rank(batch.lane))
        .bind(ms(batch.goes_at))
        .bind(ms(batch.now))
        .bind(list.as_str())
        .execute(&mut *self.inner)
        .await?;
        self.count(&Counting::queued(batch.mailing, done.rows_affected()), batch.now).await?;
        Ok(done.rows_affected())
    }

    /// Queues a mailing to named people; gives how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn queue_to_people(&mut self, batch: Batch, people: &[SubscriberId]) -> Result<u64, StoreError> {
        for person in people {
            sqlx::query(
                "INSERT INTO deliveries (mailing, subscriber, lane, state, try_at, queued_at, changed_at)
                 VALUES ($1, $2, $3, 'queued', $4, $5, $5)",
            )
            .bind(batch.mailing.0)
            .bind(person.0)
            .bind(lane_rank(batch.lane))
            .bind(ms(batch.goes_at))
            .bind(ms(batch.now))
            .execute(&mut *self.inner)
            .await?;
        }
        let count = people.len() as u64;
        self.count(&Counting::queued(batch.mailing, count), batch.now).await?;
        Ok(count)
    }

    /// Queues a mailing to those readers of a list who were mailed `first`, and perhaps had it, whatever they chose to
    /// get: who left, is suppressed or was erased since gets nothing. Those who have it queued already are passed over, so
    /// that it may be asked for again. Gives how many are new.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn queue_to_mailed(&mut self, batch: Batch, list: &Slug, first: MailingId) -> Result<u64, StoreError> {
        let (reachable, mailed) = (subscribers::reachable("$5"), mailed("d"));
        let done = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO deliveries (mailing, subscriber, lane, state, try_at, queued_at, changed_at)
             SELECT $1, d.subscriber, $2, 'queued', $3, $4, $4 FROM deliveries d
             JOIN subscriptions u ON u.subscriber = d.subscriber AND {reachable}
             WHERE d.mailing = $6 AND {mailed} ON CONFLICT (mailing, subscriber) DO NOTHING"
        )))
        .bind(batch.mailing.0)
        .bind(lane_rank(batch.lane))
        .bind(ms(batch.goes_at))
        .bind(ms(batch.now))
        .bind(list.as_str())
        .bind(first.0)
        .execute(&mut *self.inner)
        .await?;
        self.count(&Counting::queued(batch.mailing, done.rows_affected()), batch.now).await?;
        Ok(done.rows_affected())
    }
}
