//! The writer of `deliveries`: who gets which mailing, and how it went. A claim, an outcome and a queue are each one
//! statement over many rows. Each of the three has a file of its own, and so has how they are counted.

mod claims;
mod counts;
mod doubt;
mod not_taken;
mod page;
mod queueing;
mod under_way;

use std::fmt::Write as _;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use self::counts::Counting;
pub(super) use self::doubt::Doubt;
pub use self::{
    claims::{Claimed, Claims, Doubtful, Recorded, SecondLook},
    counts::Fared,
    page::Stretch,
    queueing::Batch,
};
use super::{Store, StoreError, Tx, instant, instant_or_none, mailings::lane_rank, ms, word};
use crate::domain::{
    address::EmailAddress,
    delivery::{DeliveryState, Lane},
    issue::IssueId,
    mailing::MailingId,
    slug::Slug,
    subscription::SubscriberId,
};

/// The mailings in which a delivery to subscriber `$1` can be: those of issues, and the notices to them. An index of all
/// deliveries by subscriber would cost a write for each; issues are few, and only notices have one.
macro_rules! mailings_to {
    () => {
        "(SELECT m.id FROM issues i CROSS JOIN mailings m WHERE m.issue = i.id
          UNION ALL SELECT mailing FROM deliveries WHERE lane = 0 AND subscriber = $1)"
    };
}
pub(super) use mailings_to;

/// A delivery's mailing and subscriber.
type Key = (i64, i64);

/// A delivery as listings show it.
#[derive(Clone, Debug)]
pub struct StoredDelivery {
    /// The mailing.
    pub mailing: MailingId,
    /// The subject of the mailing.
    pub subject: String,
    /// The reader.
    pub subscriber: SubscriberId,
    /// The reader's address.
    pub address: EmailAddress,
    /// The reader's name; may be empty.
    pub name: String,
    /// How far it has come.
    pub state: DeliveryState,
    /// Attempts counted.
    pub attempts: i64,
    /// When it will be tried, if it will.
    pub try_at: Option<Timestamp>,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// The last answer.
    pub answer: Option<String>,
}

/// A delivery as its reader may know of it.
#[derive(Clone, Debug)]
pub struct DeliveryTo {
    /// The subject of its mailing.
    pub subject: String,
    /// Its issue and list; none for a notice.
    pub issue: Option<(IssueId, Slug)>,
    /// How far it has come.
    pub state: DeliveryState,
    /// Attempts counted.
    pub attempts: i64,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// The last answer.
    pub answer: Option<String>,
}

/// Which deliveries to show, retry or drop.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one issue.
    pub issue: Option<IssueId>,
    /// In one state.
    pub state: Option<DeliveryState>,
    /// To one address.
    pub address: Option<EmailAddress>,
}

#[derive(sqlx::FromRow)]
struct RowTo {
    subject: String,
    issue: Option<i64>,
    list: Option<String>,
    state: String,
    attempts: i64,
    queued_at: i64,
    changed_at: i64,
    answer: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    mailing: i64,
    subject: String,
    subscriber: i64,
    address: String,
    name: String,
    state: String,
    attempts: i64,
    try_at: Option<i64>,
    queued_at: i64,
    changed_at: i64,
    answer: Option<String>,
}

impl Tx {
    /// Takes what of an issue waits out of the queue, until it is put back; gives how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn park_unsent(&mut self, issue: IssueId, now: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE deliveries SET try_at = NULL, changed_at = $1
             WHERE try_at IS NOT NULL AND mailing IN (SELECT id FROM mailings WHERE issue = $2)",
        )
        .bind(ms(now))
        .bind(issue.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected())
    }

    /// Puts back what was parked, due at `try_at`; gives how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn unpark(&mut self, issue: IssueId, try_at: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE deliveries SET try_at = $1, changed_at = $2
             WHERE try_at IS NULL AND state IN ('queued', 'deferred', 'unknown')
               AND mailing IN (SELECT id FROM mailings WHERE issue = $3)",
        )
        .bind(ms(try_at))
        .bind(ms(now))
        .bind(issue.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected())
    }

    /// Drops what of an issue was not sent and is not being sent at this moment; gives how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn drop_unsent(&mut self, issue: IssueId, reason: &str, now: Timestamp) -> Result<u64, StoreError> {
        let mailing: Option<(i64,)> = sqlx::query_as("SELECT id FROM mailings WHERE issue = $1")
            .bind(issue.0)
            .fetch_optional(&mut *self.inner)
            .await?;
        let Some((mailing,)) = mailing else { return Ok(0) };
        let done = sqlx::query(
            "UPDATE deliveries SET state = 'dropped', try_at = NULL, changed_at = $1, answer = $2
             WHERE state IN ('queued', 'deferred', 'unknown') AND mailing = $3",
        )
        .bind(ms(now))
        .bind(reason)
        .bind(mailing)
        .execute(&mut *self.inner)
        .await?;
        let mut counting = Counting::default();
        counting.add(mailing, DeliveryState::Dropped, i64::try_from(done.rows_affected()).unwrap_or(i64::MAX));
        self.count(&counting, now).await?;
        Ok(done.rows_affected())
    }

    /// Counts those deliveries, given by their mailings, that went from one end, or none, to another.
    async fn count_moved(
        &mut self,
        moved: &[(i64,)],
        from: Option<DeliveryState>,
        to: Option<DeliveryState>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut counting = Counting::default();
        for (mailing,) in moved {
            if let Some(from) = from {
                counting.add(*mailing, from, -1);
            }
            if let Some(to) = to {
                counting.add(*mailing, to, 1);
            }
        }
        self.count(&counting, now).await
    }

    /// Gives back what a holder claimed and never offered: due at once, queued or, when it was tried before, deferred.
    pub(super) async fn give_back(&mut self, holder_id: i64, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE deliveries SET state = CASE WHEN attempts = 0 THEN 'queued' ELSE 'deferred' END, try_at = $1,
                    holder = NULL, changed_at = $1 WHERE holder = $2",
        )
        .bind(ms(now))
        .bind(holder_id)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Gives back some of what a holder claimed, and leaves the rest with it.
    pub(super) async fn give_back_these(
        &mut self,
        holder_id: i64,
        keys: &[Key],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let keys = serde_json::to_string(keys).expect("numbers are JSON");
        let each = self.engine.json_rows();
        sqlx::query(AssertSqlSafe(format!(
            "UPDATE deliveries SET state = CASE WHEN attempts = 0 THEN 'queued' ELSE 'deferred' END, try_at = $2,
                    holder = NULL, changed_at = $2 WHERE holder = $3 AND (mailing, subscriber) IN (
                 SELECT CAST(value->>0 AS BIGINT), CAST(value->>1 AS BIGINT) FROM {each})"
        )))
        .bind(keys)
        .bind(ms(now))
        .bind(holder_id)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Takes away the deliveries of a mailing that goes away.
    pub(super) async fn forget_deliveries_of(&mut self, mailing: MailingId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM deliveries WHERE mailing = $1").bind(mailing.0).execute(&mut *self.inner).await?;
        self.forget_counts_of(mailing).await
    }

    /// Takes away what relays said of a subscriber, for it may name them. What is being sent to them at this moment is
    /// claimed anew, so that its answer is not written down, and then dropped, for they are not there.
    pub(super) async fn erase_answers_to(
        &mut self,
        subscriber: SubscriberId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(concat!(
            "UPDATE deliveries SET claims = claims + 1, state = 'unknown', holder = NULL, try_at = $2, changed_at = $2
             WHERE state = 'sending' AND subscriber = $1 AND mailing IN ",
            mailings_to!()
        ))
        .bind(subscriber.0)
        .bind(ms(now))
        .execute(&mut *self.inner)
        .await?;
        sqlx::query(concat!(
            "UPDATE deliveries SET answer = NULL WHERE answer IS NOT NULL AND subscriber = $1 AND mailing IN ",
            mailings_to!()
        ))
        .bind(subscriber.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Takes up what is claimed by holders that are no more: nobody can say how it went. Gives how many.
    pub(super) async fn take_up_orphans(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query(AssertSqlSafe(format!(
            "UPDATE deliveries SET state = 'unknown', was_unknown = 1, try_at = $1, holder = NULL, changed_at = $1,
                    answer = 'the process that was sending it ended without saying how it went' WHERE {ORPHANED}"
        )))
        .bind(ms(now))
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected())
    }
}

impl Store {
    /// True when a row is claimed by a holder that is not registered. Nothing of ours leaves one behind; but a row that
    /// is stuck would be a message that never goes out, so it is looked for all the same.
    pub(super) async fn has_orphans(&self) -> Result<bool, StoreError> {
        let sql = format!("SELECT 1 FROM deliveries WHERE {ORPHANED} LIMIT 1");
        let found: Option<(i32,)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_optional(&self.reader).await?;
        Ok(found.is_some())
    }

    /// The first lane, up to `up_to`, in which a delivery is due now, if any is: a cheap question to ask often. What this
    /// process may have claimed without knowing is due, for the next claim gives it back.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn first_due_lane(&self, up_to: Lane, now: Timestamp) -> Result<Option<Lane>, StoreError> {
        let mut cases = String::new();
        for rank in Lane::ALL.into_iter().filter(|lane| *lane <= up_to).map(lane_rank) {
            // Writing to a String cannot fail.
            let _ = write!(
                cases,
                " WHEN EXISTS (SELECT 1 FROM deliveries WHERE lane = {rank} AND try_at <= $1) THEN {rank}"
            );
        }
        let (rank,): (Option<i64>,) = sqlx::query_as(AssertSqlSafe(format!("SELECT CAST(CASE{cases} END AS BIGINT)")))
            .bind(ms(now))
            .fetch_one(&self.reader)
            .await?;
        let due = rank.and_then(Lane::from_rank);
        Ok(due.into_iter().chain(self.doubt.first_lane(up_to)).min())
    }

    /// How many deliveries are due now, and when the next of the others is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn due(&self, now: Timestamp) -> Result<(u64, Option<Timestamp>), StoreError> {
        let (due, next): (i64, Option<i64>) = sqlx::query_as(
            "SELECT CAST(COALESCE(SUM(CASE WHEN try_at <= $1 THEN 1 ELSE 0 END), 0) AS BIGINT),
                    MIN(CASE WHEN try_at > $1 THEN try_at END) FROM deliveries WHERE try_at IS NOT NULL",
        )
        .bind(ms(now))
        .fetch_one(&self.reader)
        .await?;
        Ok((due.unsigned_abs(), instant_or_none(next)))
    }

    /// The deliveries that a filter lets through, last changed first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deliveries(&self, filter: &Filter, limit: i64) -> Result<Vec<StoredDelivery>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT d.mailing, m.subject, d.subscriber, s.address, s.name, d.state, d.attempts, d.try_at, d.queued_at,
                    d.changed_at, d.answer
             FROM deliveries d JOIN mailings m ON m.id = d.mailing JOIN subscribers s ON s.id = d.subscriber
             WHERE {FILTERED} ORDER BY d.changed_at DESC, d.mailing DESC, d.subscriber LIMIT $4"
        )))
        .bind(filter.issue.map(|issue| issue.0))
        .bind(filter.state.map(DeliveryState::as_str))
        .bind(filter.address.as_ref().map(EmailAddress::key))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_delivery).collect()
    }

    /// The newest deliveries to one subscriber, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deliveries_to(&self, subscriber: SubscriberId, limit: i64) -> Result<Vec<DeliveryTo>, StoreError> {
        let rows: Vec<RowTo> = sqlx::query_as(concat!(
            "SELECT m.subject, m.issue, m.list, d.state, d.attempts, d.queued_at, d.changed_at, d.answer
             FROM deliveries d JOIN mailings m ON m.id = d.mailing WHERE d.subscriber = $1 AND d.mailing IN ",
            mailings_to!(),
            " ORDER BY m.id DESC LIMIT $2"
        ))
        .bind(subscriber.0)
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(RowTo::into_delivery).collect()
    }

    /// Makes unsettled and bounced deliveries due at once; sent, expired and dropped ones stay. Gives how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn retry_deliveries(&self, filter: &Filter, now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let waiting = tx.change(filter, "try_at = $4", &["queued", "deferred", "unknown"], now).await?;
        let bounced = tx.change(filter, "state = 'deferred', try_at = $4", &["bounced"], now).await?;
        tx.count_moved(&bounced, Some(DeliveryState::Bounced), None, now).await?;
        tx.commit().await?;
        Ok((waiting.len() + bounced.len()) as u64)
    }

    /// Gives up deliveries that are not settled and not being sent at this moment. Gives how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn drop_deliveries(&self, filter: &Filter, now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let set = "state = 'dropped', try_at = NULL, answer = 'dropped by staff'";
        let dropped = tx.change(filter, set, &["queued", "deferred", "unknown"], now).await?;
        tx.count_moved(&dropped, None, Some(DeliveryState::Dropped), now).await?;
        tx.commit().await?;
        Ok(dropped.len() as u64)
    }
}

impl Tx {
    /// Changes what a filter lets through; gives the mailing of each.
    async fn change(
        &mut self,
        filter: &Filter,
        set: &str,
        only: &[&str],
        now: Timestamp,
    ) -> Result<Vec<(i64,)>, StoreError> {
        let only: Vec<String> = only.iter().map(|state| format!("'{state}'")).collect();
        let only = only.join(", ");
        // Said of the row itself as well: PostgreSQL looks at that again when the row was claimed meanwhile.
        let statement = sqlx::query_as(AssertSqlSafe(format!(
            "UPDATE deliveries SET {set}, changed_at = $4 WHERE state IN ({only}) AND (mailing, subscriber) IN (
                 SELECT d.mailing, d.subscriber FROM deliveries d JOIN mailings m ON m.id = d.mailing
                 JOIN subscribers s ON s.id = d.subscriber WHERE {FILTERED} AND d.state IN ({only})) RETURNING mailing"
        )))
        .bind(filter.issue.map(|issue| issue.0))
        .bind(filter.state.map(DeliveryState::as_str))
        .bind(filter.address.as_ref().map(EmailAddress::key))
        .bind(ms(now));
        Ok(statement.fetch_all(&mut *self.inner).await?)
    }
}

/// What is claimed by a holder that is no more.
const ORPHANED: &str = "holder IS NOT NULL AND NOT EXISTS (SELECT 1 FROM holders h WHERE h.id = deliveries.holder)";

/// The condition of a [`Filter`], bound as `$1` to `$3`. The casts tell PostgreSQL the type of a NULL.
const FILTERED: &str = "(CAST($1 AS BIGINT) IS NULL OR m.issue = $1) AND (CAST($2 AS TEXT) IS NULL OR d.state = $2)
     AND (CAST($3 AS TEXT) IS NULL OR s.address_key = $3)";

impl RowTo {
    fn into_delivery(self) -> Result<DeliveryTo, StoreError> {
        let list = self.list.as_deref().map(Slug::parse).transpose();
        let list = list.map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(DeliveryTo {
            subject: self.subject,
            issue: self.issue.map(IssueId).zip(list),
            state: word(&self.state, DeliveryState::from_word(&self.state))?,
            attempts: self.attempts,
            queued_at: instant(self.queued_at),
            changed_at: instant(self.changed_at),
            answer: self.answer,
        })
    }
}

impl Row {
    fn into_delivery(self) -> Result<StoredDelivery, StoreError> {
        Ok(StoredDelivery {
            mailing: MailingId(self.mailing),
            subject: self.subject,
            subscriber: SubscriberId(self.subscriber),
            address: EmailAddress::parse(&self.address).map_err(|error| StoreError::Damaged(error.to_string()))?,
            name: self.name,
            state: word(&self.state, DeliveryState::from_word(&self.state))?,
            attempts: self.attempts,
            try_at: instant_or_none(self.try_at),
            queued_at: instant(self.queued_at),
            changed_at: instant(self.changed_at),
            answer: self.answer,
        })
    }
}
