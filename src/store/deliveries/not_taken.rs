//! Which messages relays did not take lately. It only reads.

use super::{Row, StoredDelivery};
use crate::store::{Store, StoreError};

impl Store {
    /// The newest deliveries that a relay did not take: refused, for now or for good, or without a clear answer. Those that
    /// a later try has settled are not among them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn newest_not_taken(&self, limit: i64) -> Result<Vec<StoredDelivery>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT d.mailing, m.subject, d.subscriber, s.address, s.name, d.state, d.attempts, d.try_at, d.queued_at,
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
}
