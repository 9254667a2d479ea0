//! Pages of the deliveries of one issue, for those who go through all of them. It only reads.

use super::{Row, StoredDelivery};
use crate::{
    domain::{delivery::DeliveryState, issue::IssueId, subscription::SubscriberId},
    store::{Store, StoreError},
};

impl Store {
    /// Deliveries of an issue, in one state or any, in the order of their readers' numbers: those after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deliveries_after(
        &self,
        issue: IssueId,
        state: Option<DeliveryState>,
        after: SubscriberId,
        limit: i64,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT d.mailing, m.subject, d.subscriber, s.address, d.state, d.attempts, d.try_at, d.queued_at,
                    d.changed_at, d.answer
             FROM mailings m JOIN deliveries d ON d.mailing = m.id JOIN subscribers s ON s.id = d.subscriber
             WHERE m.issue = $1 AND d.subscriber > $2 AND ($3 = '' OR d.state = $3)
             ORDER BY d.subscriber LIMIT $4",
        )
        .bind(issue.0)
        .bind(after.0)
        .bind(state.map_or("", DeliveryState::as_str))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_delivery).collect()
    }
}
