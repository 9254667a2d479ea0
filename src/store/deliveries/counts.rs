//! The writer of `delivery_counts`: how many deliveries each mailing has, and how many of them came to which end. A step
//! to an end, or back from one, is counted in the transaction that does it; what is still under way is asked of indexes
//! that hold little else. So how an issue stands is known in a moment, whether it has ten readers or a million.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{Any, AssertSqlSafe, any::AnyArguments, query::Query};

use crate::{
    domain::{delivery::DeliveryState, issue::IssueId, mailing::MailingId},
    store::{Store, StoreError, Tx, engine::Engine, instant_or_none, ms, word},
};

/// When the first and the last message of an issue were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fared {
    /// The first; `None` when none was.
    pub first_sent_at: Option<Timestamp>,
    /// The last.
    pub last_sent_at: Option<Timestamp>,
}

/// What is to be added to the counts of some mailings.
#[derive(Debug, Default)]
pub(super) struct Counting(BTreeMap<i64, Change>);

#[derive(Clone, Copy, Debug, Default)]
struct Change {
    queued: i64,
    sent: i64,
    bounced: i64,
    expired: i64,
    dropped: i64,
}

impl Counting {
    /// So many deliveries of a mailing were queued.
    pub(super) fn queued(mailing: MailingId, count: u64) -> Self {
        let queued = i64::try_from(count).unwrap_or(i64::MAX);
        Self(BTreeMap::from([(mailing.0, Change { queued, ..Change::default() })]))
    }

    /// `count` more deliveries of a mailing came to this state; negative: they left it. What is no end is not counted.
    pub(super) fn add(&mut self, mailing: i64, state: DeliveryState, count: i64) {
        let change = self.0.entry(mailing).or_default();
        match state {
            DeliveryState::Sent => change.sent += count,
            DeliveryState::Bounced => change.bounced += count,
            DeliveryState::Expired => change.expired += count,
            DeliveryState::Dropped => change.dropped += count,
            DeliveryState::Queued | DeliveryState::Sending | DeliveryState::Deferred | DeliveryState::Unknown => {}
        }
    }

    /// The statement that counts it; `None` when nothing is to be counted. In the order of mailings, so that two
    /// transactions do not wait for each other.
    pub(super) fn statement(&self, engine: &Engine, now: Timestamp) -> Option<Query<'static, Any, AnyArguments>> {
        let rows: Vec<_> = self
            .0
            .iter()
            .map(|(mailing, it)| (mailing, it.queued, it.sent, it.bounced, it.expired, it.dropped))
            .filter(|(_, queued, sent, bounced, expired, dropped)| {
                [queued, sent, bounced, expired, dropped].into_iter().any(|count| *count != 0)
            })
            .collect();
        if rows.is_empty() {
            return None;
        }
        let rows = serde_json::to_string(&rows).expect("numbers are JSON");
        let each = engine.json_rows();
        let statement = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO delivery_counts (mailing, queued, sent, bounced, expired, dropped, first_sent_at, last_sent_at)
             SELECT CAST(value->>0 AS BIGINT), CAST(value->>1 AS BIGINT), CAST(value->>2 AS BIGINT),
                    CAST(value->>3 AS BIGINT), CAST(value->>4 AS BIGINT), CAST(value->>5 AS BIGINT),
                    CASE WHEN CAST(value->>2 AS BIGINT) > 0 THEN CAST($2 AS BIGINT) END,
                    CASE WHEN CAST(value->>2 AS BIGINT) > 0 THEN CAST($2 AS BIGINT) END FROM {each} WHERE 1 = 1
             ON CONFLICT (mailing) DO UPDATE SET queued = delivery_counts.queued + excluded.queued,
                sent = delivery_counts.sent + excluded.sent, bounced = delivery_counts.bounced + excluded.bounced,
                expired = delivery_counts.expired + excluded.expired,
                dropped = delivery_counts.dropped + excluded.dropped,
                first_sent_at = COALESCE(delivery_counts.first_sent_at, excluded.first_sent_at),
                last_sent_at = COALESCE(excluded.last_sent_at, delivery_counts.last_sent_at)"
        )));
        Some(statement.bind(rows).bind(ms(now)))
    }
}

impl Tx {
    /// Counts what this transaction did.
    pub(super) async fn count(&mut self, counting: &Counting, now: Timestamp) -> Result<(), StoreError> {
        if let Some(statement) = counting.statement(&self.engine, now) {
            statement.execute(&mut *self.inner).await?;
        }
        Ok(())
    }

    /// How many deliveries of an issue are in a state at this moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_in_state(&mut self, issue: IssueId, state: DeliveryState) -> Result<u64, StoreError> {
        Ok(states(&mut *self.inner, issue).await?.get(&state).copied().unwrap_or(0))
    }

    /// Forgets what is counted of a mailing that goes away.
    pub(super) async fn forget_counts_of(&mut self, mailing: MailingId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM delivery_counts WHERE mailing = $1").bind(mailing.0).execute(&mut *self.inner).await?;
        Ok(())
    }
}

impl Store {
    /// How many deliveries of an issue are in each state that any is in.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn states_of_issue(&self, issue: IssueId) -> Result<BTreeMap<DeliveryState, u64>, StoreError> {
        states(&self.reader, issue).await
    }

    /// When messages of an issue were sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fared(&self, issue: IssueId) -> Result<Fared, StoreError> {
        let found: Option<(Option<i64>, Option<i64>)> = sqlx::query_as(
            "SELECT c.first_sent_at, c.last_sent_at FROM delivery_counts c JOIN mailings m ON m.id = c.mailing
             WHERE m.issue = $1",
        )
        .bind(issue.0)
        .fetch_optional(&self.reader)
        .await?;
        let (first, last) = found.unwrap_or_default();
        Ok(Fared { first_sent_at: instant_or_none(first), last_sent_at: instant_or_none(last) })
    }
}

/// One statement, so that what moves from one state to another meanwhile is in one of them.
/// The `+` keeps SQLite from walking over the mailing instead of over the few that are held.
async fn states<'e>(
    on: impl sqlx::Executor<'e, Database = Any>,
    issue: IssueId,
) -> Result<BTreeMap<DeliveryState, u64>, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "WITH it AS (SELECT id FROM mailings WHERE issue = $1),
              c AS (SELECT queued, sent, bounced, expired, dropped FROM delivery_counts WHERE mailing IN (SELECT id FROM it)),
              w AS MATERIALIZED (SELECT 'sending' AS state, COUNT(*) AS n FROM deliveries d
                        WHERE d.holder IS NOT NULL AND +d.mailing IN (SELECT id FROM it)
                    UNION ALL SELECT 'deferred', COUNT(*) FROM deliveries d
                        WHERE d.state IN ('deferred', 'unknown', 'bounced') AND d.state = 'deferred'
                          AND d.mailing IN (SELECT id FROM it)
                    UNION ALL SELECT 'unknown', COUNT(*) FROM deliveries d
                        WHERE d.state IN ('deferred', 'unknown', 'bounced') AND d.state = 'unknown'
                          AND d.mailing IN (SELECT id FROM it))
         SELECT state, CAST(n AS BIGINT) FROM w
         UNION ALL SELECT 'sent', sent FROM c UNION ALL SELECT 'bounced', bounced FROM c
         UNION ALL SELECT 'expired', expired FROM c UNION ALL SELECT 'dropped', dropped FROM c
         UNION ALL SELECT 'queued', CAST(queued - sent - bounced - expired - dropped - (SELECT SUM(n) FROM w) AS BIGINT)
                   FROM c",
    )
    .bind(issue.0)
    .fetch_all(on)
    .await?;
    rows.into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| Ok((word(&state, DeliveryState::from_word(&state))?, count.unsigned_abs())))
        .collect()
}
