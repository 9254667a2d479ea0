//! What the newsroom writes on issues: when one may go, who wants it out, how it is withdrawn, whom a correction still
//! has to reach, and that staff were told how it fared.

use jiff::Timestamp;

use crate::{
    domain::{
        issue::{IssueId, IssueState},
        mailing::Rendered,
        subscription::SubscriberId,
    },
    store::{Store, StoreError, Tx, ms},
};

/// How an issue was handed to the queue.
#[derive(Clone, Copy, Debug)]
pub struct HandedOver<'a> {
    /// Its subject.
    pub subject: &'a str,
    /// To how many.
    pub readers: u64,
    /// Nothing of it is due before.
    pub goes_at: Timestamp,
    /// Its withdrawal, rendered in advance.
    pub retraction: Option<&'a Rendered>,
}

impl Store {
    /// The withdrawal of an issue as it was rendered before the issue went out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn retraction_of(&self, id: IssueId) -> Result<Option<Rendered>, StoreError> {
        let row: Option<(Option<String>,)> = sqlx::query_as("SELECT retraction FROM issues WHERE id = $1")
            .bind(id.0)
            .fetch_optional(&self.reader)
            .await?;
        let text = row.and_then(|(text,)| text);
        let read = text.as_deref().map(serde_json::from_str).transpose();
        read.map_err(|error| StoreError::Damaged(error.to_string()))
    }

    /// The corrections that readers of what they correct may still have to get: a message of it was on the wire when they
    /// were queued.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn corrections_catching_up(&self) -> Result<Vec<IssueId>, StoreError> {
        let rows: Vec<(i64,)> = sqlx::query_as(
            "SELECT id FROM issues WHERE corrects IS NOT NULL AND caught_up_at IS NULL AND state = 'queued' ORDER BY id",
        )
        .fetch_all(&self.reader)
        .await?;
        Ok(rows.into_iter().map(|(id,)| IssueId(id)).collect())
    }

    /// The alerts and drills that were let go and of which staff have no report yet. A correction that may still reach more
    /// is not among them, unless it went before `late`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unreported_issues(&self, late: Timestamp) -> Result<Vec<IssueId>, StoreError> {
        let rows: Vec<(i64,)> = sqlx::query_as(
            "SELECT id FROM issues WHERE reported_at IS NULL AND kind <> 'digest' AND queued_at IS NOT NULL
                AND state <> 'held' AND (corrects IS NULL OR caught_up_at IS NOT NULL OR state = 'cancelled' OR goes_at <= $1)
             ORDER BY id",
        )
        .bind(ms(late))
        .fetch_all(&self.reader)
        .await?;
        Ok(rows.into_iter().map(|(id,)| IssueId(id)).collect())
    }
}

impl Tx {
    /// Stops an issue that is queued: what of it waits is taken out of the queue until it is released, and the ledger
    /// says why. Gives how many deliveries wait; `None` when it is not queued, for it was held or cancelled before, and
    /// then nothing is done.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn hold_issue(&mut self, id: IssueId, reason: &str, now: Timestamp) -> Result<Option<u64>, StoreError> {
        if !self.move_issue(id, IssueState::Queued, IssueState::Held, reason).await? {
            return Ok(None);
        }
        let parked = self.park_unsent(id, now).await?;
        self.record(now, &id.about(), "held", reason).await?;
        Ok(Some(parked))
    }

    /// Notes how an issue was queued. Nobody waits for a second person any more.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn issue_queued(
        &mut self,
        id: IssueId,
        handed: HandedOver<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let retraction = handed.retraction.map(|text| serde_json::to_string(text).expect("texts are JSON"));
        sqlx::query(
            "UPDATE issues SET subject = $1, readers = $2, queued_at = $3, goes_at = $4, retraction = $5,
                    wanted_by = NULL WHERE id = $6",
        )
        .bind(handed.subject)
        .bind(i64::try_from(handed.readers).unwrap_or(i64::MAX))
        .bind(ms(now))
        .bind(ms(handed.goes_at))
        .bind(retraction)
        .bind(id.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Notes who wants a held issue out and waits for a second person. `false` when it is not held, or somebody has said
    /// so before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn want_issue(&mut self, id: IssueId, person: SubscriberId, reason: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE issues SET wanted_by = $1, state_reason = $2 WHERE id = $3 AND state = 'held' AND wanted_by IS NULL",
        )
        .bind(person.0)
        .bind(reason)
        .bind(id.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets who wanted an issue out: once it was stopped, two must want it anew.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_wish(&mut self, id: IssueId) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET wanted_by = NULL WHERE id = $1").bind(id.0).execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Forgets what somebody wanted out who is erased: who comes back under another number must not approve it themselves.
    pub(in crate::store) async fn forget_wishes_of(&mut self, person: SubscriberId) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET wanted_by = NULL WHERE wanted_by = $1 AND state = 'held'")
            .bind(person.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Counts readers whom a correction reached late; with `caught_up`, no more can come.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn correction_reaches(
        &mut self,
        id: IssueId,
        late: u64,
        caught_up_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE issues SET readers = readers + $1, caught_up_at = $2 WHERE id = $3")
            .bind(i64::try_from(late).unwrap_or(i64::MAX))
            .bind(caught_up_at.map(ms))
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Notes that staff are told how an issue fared; `false` when they were before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn issue_reported(&mut self, id: IssueId, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE issues SET reported_at = $1 WHERE id = $2 AND reported_at IS NULL")
            .bind(ms(now))
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}
