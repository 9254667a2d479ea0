//! How the deliveries of an issue fared, for the report to staff. It only reads.

use jiff::Timestamp;

use super::{Row, StoredDelivery};
use crate::{
    domain::{delivery::Lane, issue::IssueId},
    store::{Store, StoreError, instant_or_none, mailings::lane_rank},
};

/// When the first and the last message of an issue were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fared {
    /// The first; `None` when none was.
    pub first_sent_at: Option<Timestamp>,
    /// The last.
    pub last_sent_at: Option<Timestamp>,
}

impl Store {
    /// True while a message of an alert or drill waits or is on the wire. Asks the indexes of what does, for the alert may
    /// have a million messages that are settled.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_under_way(&self, issue: IssueId) -> Result<bool, StoreError> {
        let found: Option<(i32,)> = sqlx::query_as(
            "SELECT 1 FROM mailings m WHERE m.issue = $1 AND (
                EXISTS (SELECT 1 FROM deliveries d WHERE d.lane = $2 AND d.try_at IS NOT NULL AND d.mailing = m.id)
                OR EXISTS (SELECT 1 FROM deliveries d WHERE d.holder IS NOT NULL AND d.mailing = m.id))",
        )
        .bind(issue.0)
        .bind(lane_rank(Lane::Alert))
        .fetch_optional(&self.reader)
        .await?;
        Ok(found.is_some())
    }

    /// The newest deliveries that a relay did not take: refused, for now or for good, or without a clear answer. Those that
    /// a later try has settled are not among them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn newest_not_taken(&self, limit: i64) -> Result<Vec<StoredDelivery>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT d.mailing, m.subject, d.subscriber, s.address, d.state, d.attempts, d.try_at, d.queued_at,
                    d.changed_at, d.answer
             FROM (SELECT * FROM deliveries WHERE state IN ('deferred', 'bounced', 'unknown')
                   ORDER BY changed_at DESC LIMIT $1) d
             JOIN mailings m ON m.id = d.mailing JOIN subscribers s ON s.id = d.subscriber
             ORDER BY d.changed_at DESC, d.mailing, d.subscriber",
        )
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_delivery).collect()
    }

    /// When messages of an issue were sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fared(&self, issue: IssueId) -> Result<Fared, StoreError> {
        let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT MIN(changed_at), MAX(changed_at) FROM deliveries WHERE state = 'sent'
                AND mailing IN (SELECT id FROM mailings WHERE issue = $1)",
        )
        .bind(issue.0)
        .fetch_one(&self.reader)
        .await?;
        Ok(Fared { first_sent_at: instant_or_none(first), last_sent_at: instant_or_none(last) })
    }
}
