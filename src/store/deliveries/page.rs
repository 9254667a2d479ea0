//! Pages of the deliveries of one issue, for those who go through all of them. It only reads.

use super::{Row, StoredDelivery};
use crate::{
    domain::{delivery::DeliveryState, issue::IssueId, subscription::SubscriberId},
    store::{Store, StoreError},
};

/// How many deliveries are looked at for one page: of a rare state there may be none among a million.
const LOOKED_AT: i64 = 10_000;

/// Some deliveries of an issue.
#[derive(Debug)]
pub struct Stretch {
    /// Those that were asked for.
    pub found: Vec<StoredDelivery>,
    /// The last reader who was looked at, when there may be more behind.
    pub looked_up_to: Option<SubscriberId>,
}

impl Store {
    /// Deliveries of an issue, in one state or any, in the order of their readers' numbers: those after `after`, at most
    /// `limit`. Only so many are looked at that nobody waits long.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deliveries_after(
        &self,
        issue: IssueId,
        state: Option<DeliveryState>,
        after: SubscriberId,
        limit: i64,
    ) -> Result<Stretch, StoreError> {
        let looked_up_to = match state {
            Some(_) => self.last_of_stretch(issue, after).await?,
            None => None,
        };
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT d.mailing, m.subject, d.subscriber, s.address, s.name, d.state, d.attempts, d.try_at, d.queued_at,
                    d.changed_at, d.answer
             FROM deliveries d JOIN mailings m ON m.id = d.mailing JOIN subscribers s ON s.id = d.subscriber
             WHERE d.mailing = (SELECT id FROM mailings WHERE issue = $1) AND d.subscriber > $2 AND d.subscriber <= $3
               AND ($4 = '' OR d.state = $4)
             ORDER BY d.subscriber LIMIT $5",
        )
        .bind(issue.0)
        .bind(after.0)
        .bind(looked_up_to.map_or(i64::MAX, |last| last.0))
        .bind(state.map_or("", DeliveryState::as_str))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        let found = rows.into_iter().map(Row::into_delivery).collect::<Result<_, _>>()?;
        Ok(Stretch { found, looked_up_to })
    }

    async fn last_of_stretch(&self, issue: IssueId, after: SubscriberId) -> Result<Option<SubscriberId>, StoreError> {
        let last: Option<(i64,)> = sqlx::query_as(
            "SELECT subscriber FROM deliveries
             WHERE mailing = (SELECT id FROM mailings WHERE issue = $1) AND subscriber > $2
             ORDER BY subscriber LIMIT 1 OFFSET $3",
        )
        .bind(issue.0)
        .bind(after.0)
        .bind(LOOKED_AT - 1)
        .fetch_optional(&self.reader)
        .await?;
        Ok(last.map(|(last,)| SubscriberId(last)))
    }
}
