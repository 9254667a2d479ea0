//! The writer of `sessions` and `failed_sign_ins`: who is signed in at the desk, and who tried in vain. Of what a cookie
//! holds only a digest comes here.

use jiff::Timestamp;

use super::{Store, StoreError, Tx, instant, ms};
use crate::domain::staff::StaffId;

/// Somebody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// Who.
    pub staff: StaffId,
    /// Since when.
    pub began_at: Timestamp,
    /// When they were last seen, to the minute.
    pub seen_at: Timestamp,
}

/// How often somebody tried in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// How many times in a row.
    pub count: u64,
    /// Before this instant no further try is taken.
    pub next_at: Timestamp,
}

const FAILURES: &str = "SELECT failures, next_at FROM failed_sign_ins WHERE who = $1";

fn failures((count, next_at): (i64, i64)) -> Failures {
    Failures { count: count.unsigned_abs(), next_at: instant(next_at) }
}

impl Store {
    /// The session of that digest.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn session(&self, digest: &str) -> Result<Option<StoredSession>, StoreError> {
        let row: Option<(i64, i64, i64)> =
            sqlx::query_as("SELECT staff, began_at, seen_at FROM sessions WHERE digest = $1")
                .bind(digest)
                .fetch_optional(&self.reader)
                .await?;
        Ok(row.map(|(staff, began_at, seen_at)| StoredSession {
            staff: StaffId(staff),
            began_at: instant(began_at),
            seen_at: instant(seen_at),
        }))
    }

    /// How often somebody tried in vain, if they did.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn failed_sign_ins(&self, who: &str) -> Result<Option<Failures>, StoreError> {
        Ok(sqlx::query_as(FAILURES).bind(who).fetch_optional(&self.reader).await?.map(failures))
    }

    /// Notes that somebody was seen, unless it was noted since an instant.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn see_session(&self, digest: &str, unless_since: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let statement = sqlx::query("UPDATE sessions SET seen_at = $1 WHERE digest = $2 AND seen_at < $3");
        self.writer.execute(statement.bind(ms(now)).bind(digest).bind(ms(unless_since))).await?;
        Ok(())
    }

    /// Forgets sessions that began, or were last seen, before these instants, and failures before `failed`. Where there
    /// is nothing to forget, nothing is written.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn sweep_sessions(&self, began: Timestamp, seen: Timestamp, failed: Timestamp) -> Result<(), StoreError> {
        let is_due: Option<(i64,)> = sqlx::query_as(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM sessions WHERE began_at < $1 OR seen_at < $2)
                OR EXISTS (SELECT 1 FROM failed_sign_ins WHERE next_at < $3)",
        )
        .bind(ms(began))
        .bind(ms(seen))
        .bind(ms(failed))
        .fetch_optional(&self.reader)
        .await?;
        if is_due.is_none() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM sessions WHERE began_at < $1 OR seen_at < $2")
            .bind(ms(began))
            .bind(ms(seen))
            .execute(&mut *tx.inner)
            .await?;
        sqlx::query("DELETE FROM failed_sign_ins WHERE next_at < $1").bind(ms(failed)).execute(&mut *tx.inner).await?;
        tx.commit().await
    }
}

impl Tx {
    /// Begins a session.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn begin_session(&mut self, digest: &str, staff: StaffId, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO sessions (digest, staff, began_at, seen_at) VALUES ($1, $2, $3, $3)")
            .bind(digest)
            .bind(staff.0)
            .bind(ms(now))
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Ends one session.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_session(&mut self, digest: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE digest = $1").bind(digest).execute(&mut *self.inner).await?;
        Ok(())
    }

    /// Ends every session of one of staff but this one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_other_sessions(&mut self, staff: StaffId, digest: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE staff = $1 AND digest <> $2")
            .bind(staff.0)
            .bind(digest)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Ends every session of one of staff.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_sessions_of(&mut self, staff: StaffId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE staff = $1").bind(staff.0).execute(&mut *self.inner).await?;
        Ok(())
    }

    /// How often somebody tried in vain, if they did, as this transaction sees it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn failed_sign_ins(&mut self, who: &str) -> Result<Option<Failures>, StoreError> {
        Ok(sqlx::query_as(FAILURES).bind(who).fetch_optional(&mut *self.inner).await?.map(failures))
    }

    /// Counts a try before it is made, as one in vain, and says when the next may be; `false` when it is too early for it,
    /// or somebody else tried at the same moment: then it is not to be made. `known` is how many were counted before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn try_sign_in(
        &mut self,
        who: &str,
        known: u64,
        next_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO failed_sign_ins (who, failures, next_at) VALUES ($1, CAST($2 AS BIGINT) + 1, $3)
             ON CONFLICT (who) DO UPDATE SET failures = excluded.failures, next_at = excluded.next_at
             WHERE failed_sign_ins.failures = $2 AND failed_sign_ins.next_at <= $4",
        )
        .bind(who)
        .bind(i64::try_from(known).unwrap_or(i64::MAX))
        .bind(ms(next_at))
        .bind(ms(now))
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The last try was not in vain: it is not counted, and nobody waits for it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_failure(&mut self, who: &str, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE failed_sign_ins SET failures = failures - 1, next_at = $1 WHERE who = $2 AND failures > 0")
            .bind(ms(now))
            .bind(who)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// They have signed in: what they tried before is forgotten.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_failures(&mut self, who: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM failed_sign_ins WHERE who = $1").bind(who).execute(&mut *self.inner).await?;
        Ok(())
    }
}
