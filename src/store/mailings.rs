//! The writer of `mailings`: what was rendered and frozen. Rows are added and never changed; notices that are done with
//! are taken away after a while.

use jiff::Timestamp;

use super::{Counter, Store, StoreError, Tx, instant, instant_or_none, ms, word};
use crate::domain::{
    delivery::Lane,
    issue::IssueId,
    mailing::{Mailing, MailingId, Purpose},
    slug::Slug,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    issue: Option<i64>,
    list: Option<String>,
    lane: i64,
    subject: String,
    message: String,
    made_at: i64,
    expires_at: Option<i64>,
    answers: Option<i64>,
}

impl Store {
    /// A fresh number for a mailing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn mailing_id(&self) -> Result<MailingId, StoreError> {
        Ok(MailingId(self.take_ids(Counter::Mailings, 1).await?))
    }

    /// One mailing, whole.
    ///
    /// # Errors
    /// When the store cannot be read, and [`StoreError::Missing`].
    pub async fn mailing(&self, id: MailingId) -> Result<Mailing, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, issue, list, lane, subject, message, made_at, expires_at, answers FROM mailings WHERE id = $1",
        )
        .bind(id.0)
        .fetch_optional(&self.reader)
        .await?;
        row.ok_or_else(|| StoreError::Missing(format!("mailing {}", id.0)))?.into_mailing()
    }

    /// Forgets notices that were made before then and are done with, at most `limit`; gives how many. Those to readers whose
    /// messages have come back stay: it counts out of how many.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn forget_notices(&self, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
        let old: Vec<(i64,)> = sqlx::query_as(
            "SELECT m.id FROM mailings m WHERE m.issue IS NULL AND m.made_at < $1
                AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.mailing = m.id
                                AND d.state NOT IN ('sent', 'bounced', 'expired', 'dropped'))
                AND NOT EXISTS (SELECT 1 FROM deliveries d JOIN bounces b ON b.subscriber = d.subscriber
                                WHERE d.mailing = m.id AND b.lifted_at IS NULL)
             ORDER BY m.made_at LIMIT $2",
        )
        .bind(ms(before))
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        if old.is_empty() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        for (id,) in &old {
            tx.forget_deliveries_of(MailingId(*id)).await?;
            sqlx::query("DELETE FROM mailings WHERE id = $1").bind(id).execute(&mut *tx.inner).await?;
        }
        tx.commit().await?;
        Ok(old.len() as u64)
    }

    /// The mailing of an issue, once it was queued.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn mailing_of_issue(&self, issue: IssueId) -> Result<Option<Mailing>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, issue, list, lane, subject, message, made_at, expires_at, answers FROM mailings WHERE issue = $1",
        )
        .bind(issue.0)
        .fetch_optional(&self.reader)
        .await?;
        row.map(Row::into_mailing).transpose()
    }
}

impl Tx {
    /// Freezes a mailing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_mailing(&mut self, mailing: &Mailing) -> Result<(), StoreError> {
        let (issue, list) = match &mailing.purpose {
            Purpose::Issue { issue, list } => (Some(issue.0), Some(list.as_str())),
            Purpose::Drill { issue } => (Some(issue.0), None),
            Purpose::Notice => (None, None),
        };
        sqlx::query(
            "INSERT INTO mailings (id, issue, list, lane, subject, message, made_at, expires_at, answers)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(mailing.id.0)
        .bind(issue)
        .bind(list)
        .bind(lane_rank(mailing.lane))
        .bind(&mailing.subject)
        .bind(&mailing.message)
        .bind(ms(mailing.made_at))
        .bind(mailing.expires_at.map(ms))
        .bind(mailing.answers.map(|answers| answers.0))
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

/// The lane as stored, so that SQL can order by it.
pub(super) fn lane_rank(lane: Lane) -> i64 {
    i64::try_from(lane.rank()).expect("there are three lanes")
}

impl Row {
    fn into_mailing(self) -> Result<Mailing, StoreError> {
        let purpose = match (self.issue, self.list) {
            (Some(issue), Some(list)) => Purpose::Issue {
                issue: IssueId(issue),
                list: Slug::parse(&list).map_err(|error| StoreError::Damaged(error.to_string()))?,
            },
            (Some(issue), None) => Purpose::Drill { issue: IssueId(issue) },
            (None, _) => Purpose::Notice,
        };
        Ok(Mailing {
            id: MailingId(self.id),
            purpose,
            lane: word(&self.lane.to_string(), Lane::from_rank(self.lane))?,
            subject: self.subject,
            message: self.message,
            made_at: instant(self.made_at),
            expires_at: instant_or_none(self.expires_at),
            answers: self.answers.map(MailingId),
        })
    }
}
