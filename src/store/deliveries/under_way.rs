//! Whether an issue is still on its way. It only reads.

use crate::{
    domain::issue::IssueId,
    store::{Store, StoreError},
};

impl Store {
    /// True while a message of an issue waits or is on the wire. Asks the indexes of what does, for the issue may
    /// have a million messages that are settled; the sign keeps SQLite from walking over them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_under_way(&self, issue: IssueId) -> Result<bool, StoreError> {
        let found: Option<(i32,)> = sqlx::query_as(
            "SELECT 1 FROM mailings m WHERE m.issue = $1 AND (
                EXISTS (SELECT 1 FROM deliveries d WHERE d.lane = m.lane AND d.try_at IS NOT NULL AND +d.mailing = m.id)
                OR EXISTS (SELECT 1 FROM deliveries d WHERE d.holder IS NOT NULL AND +d.mailing = m.id))",
        )
        .bind(issue.0)
        .fetch_optional(&self.reader)
        .await?;
        Ok(found.is_some())
    }
}
