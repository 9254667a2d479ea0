//! How the deliveries of an issue fared, for the report to staff. It only reads.

use jiff::Timestamp;

use crate::{
    domain::issue::IssueId,
    store::{Store, StoreError, instant_or_none},
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
    /// True while a message of an issue waits or is on the wire. Asks the indexes of what does, for the issue may
    /// have a million messages that are settled.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_under_way(&self, issue: IssueId) -> Result<bool, StoreError> {
        let found: Option<(i32,)> = sqlx::query_as(
            "SELECT 1 FROM mailings m WHERE m.issue = $1 AND (
                EXISTS (SELECT 1 FROM deliveries d WHERE d.lane = m.lane AND d.try_at IS NOT NULL AND d.mailing = m.id)
                OR EXISTS (SELECT 1 FROM deliveries d WHERE d.holder IS NOT NULL AND d.mailing = m.id))",
        )
        .bind(issue.0)
        .fetch_optional(&self.reader)
        .await?;
        Ok(found.is_some())
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
