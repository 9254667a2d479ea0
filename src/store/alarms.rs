//! The writer of `alarms`: trouble that staff must hear of, from when it is noticed until they know that it is over.
//! Steps raise and clear alarms; a flow tells of them. Raising or clearing one again costs a read.

use jiff::Timestamp;

use super::{Store, StoreError, Tx, instant, instant_or_none, ms, word};
use crate::domain::alarm::{Alarm, AlarmKind};

/// An alarm of which staff are to be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueAlarm {
    /// What it is about: `relay:main`, `issue:7`, `store`.
    pub about: String,
    /// What kind of trouble it is.
    pub kind: AlarmKind,
    /// What happened and what to do.
    pub words: String,
    /// Since when.
    pub at: Timestamp,
    /// When staff were told of it before.
    pub told_at: Option<Timestamp>,
    /// Since when it is over, if it is.
    pub over_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    about: String,
    kind: String,
    words: String,
    at: i64,
    told_at: Option<i64>,
    over_at: Option<i64>,
}

impl Store {
    /// Raises an alarm by itself: see [`Tx::raise_alarm`]. Cheap when it was raised before, so that whoever notices
    /// trouble may say so each time.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn raise_alarm(&self, alarm: &Alarm, now: Timestamp) -> Result<(), StoreError> {
        let is_raised: Option<(i64,)> = sqlx::query_as(
            "SELECT at FROM alarms WHERE about = $1 AND kind = $2 AND over_at IS NULL
                AND (tell_at <= $3 OR told_at > $4)",
        )
        .bind(&alarm.about)
        .bind(alarm.kind.as_str())
        .bind(ms(alarm.tell_after))
        .bind(ms(alarm.kind.told_anew(now)))
        .fetch_optional(&self.reader)
        .await?;
        if is_raised.is_some() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        tx.raise_alarm(alarm, now).await?;
        tx.commit().await
    }

    /// Says that the trouble is over. Trouble that staff were told of, or should have been by now, is told to be over;
    /// what passed before its time is never told. Cheap when there was none, so that it may be said whenever all is well.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn clear_alarm(&self, about: &str, kind: AlarmKind, now: Timestamp) -> Result<(), StoreError> {
        let is_raised: Option<(i64,)> =
            sqlx::query_as("SELECT at FROM alarms WHERE about = $1 AND kind = $2 AND over_at IS NULL")
                .bind(about)
                .bind(kind.as_str())
                .fetch_optional(&self.reader)
                .await?;
        if is_raised.is_none() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        tx.clear_alarm(about, kind, now).await?;
        tx.commit().await
    }

    /// The alarms that ring now, told of or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ringing_alarms(&self) -> Result<Vec<DueAlarm>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT about, kind, words, at, told_at, over_at FROM alarms WHERE over_at IS NULL ORDER BY at, about, kind",
        )
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_alarm).collect()
    }

    /// The alarms of which staff are to be told now, in an order that is the same for all who ask.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn due_alarms(&self, now: Timestamp) -> Result<Vec<DueAlarm>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT about, kind, words, at, told_at, over_at FROM alarms WHERE tell_at <= $1 ORDER BY about, kind",
        )
        .bind(ms(now))
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_alarm).collect()
    }
}

impl Tx {
    /// Raises an alarm, together with what it tells of, and writes it into the ledger. One that staff do not know of yet
    /// stays as it is, unless they shall hear of it sooner than was thought; so does one that they were told of lately: see
    /// [`AlarmKind::told_anew`]. When the trouble comes back before they heard that it was over, they do not hear that.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn raise_alarm(&mut self, alarm: &Alarm, now: Timestamp) -> Result<(), StoreError> {
        let Alarm { about, kind, words, tell_after } = alarm;
        let done = sqlx::query(
            "INSERT INTO alarms (about, kind, words, at, tell_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (about, kind) DO UPDATE SET words = excluded.words, over_at = NULL,
                tell_at = CASE WHEN alarms.told_at > $6 THEN NULL
                               WHEN alarms.told_at IS NOT NULL THEN excluded.at
                               WHEN alarms.tell_at < excluded.tell_at THEN alarms.tell_at
                               ELSE excluded.tell_at END
             WHERE alarms.over_at IS NOT NULL
                OR (alarms.told_at IS NULL AND alarms.tell_at > excluded.tell_at)
                OR (alarms.tell_at IS NULL AND alarms.told_at <= $6)",
        )
        .bind(about)
        .bind(kind.as_str())
        .bind(words)
        .bind(ms(now))
        .bind(ms(*tell_after))
        .bind(ms(kind.told_anew(now)))
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() == 1 {
            self.record(now, about, "alarm", words).await?;
        }
        Ok(())
    }

    /// Says that the trouble is over, and writes that into the ledger: see [`Store::clear_alarm`].
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn clear_alarm(&mut self, about: &str, kind: AlarmKind, now: Timestamp) -> Result<(), StoreError> {
        let passed =
            sqlx::query("DELETE FROM alarms WHERE about = $1 AND kind = $2 AND told_at IS NULL AND tell_at > $3")
                .bind(about)
                .bind(kind.as_str())
                .bind(ms(now))
                .execute(&mut *self.inner)
                .await?;
        let over = sqlx::query(
            "UPDATE alarms SET over_at = $1, tell_at = $1 WHERE about = $2 AND kind = $3 AND over_at IS NULL",
        )
        .bind(ms(now))
        .bind(about)
        .bind(kind.as_str())
        .execute(&mut *self.inner)
        .await?;
        if passed.rows_affected() + over.rows_affected() > 0 {
            self.record(now, about, "all-clear", &format!("over: {}", kind.title())).await?;
        }
        Ok(())
    }

    /// Notes that staff are told of an alarm as it stands here; one that is over is done with. `false` when it stands
    /// otherwise by now, or another process tells of it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn alarm_told(&mut self, alarm: &DueAlarm, now: Timestamp) -> Result<bool, StoreError> {
        let told = match alarm.over_at {
            Some(over_at) => {
                sqlx::query("DELETE FROM alarms WHERE tell_at <= $1 AND about = $2 AND kind = $3 AND over_at = $4")
                    .bind(ms(now))
                    .bind(&alarm.about)
                    .bind(alarm.kind.as_str())
                    .bind(ms(over_at))
            }
            None => sqlx::query(
                "UPDATE alarms SET told_at = $1, tell_at = NULL
                 WHERE tell_at <= $1 AND about = $2 AND kind = $3 AND over_at IS NULL",
            )
            .bind(ms(now))
            .bind(&alarm.about)
            .bind(alarm.kind.as_str()),
        };
        let done = told.execute(&mut *self.inner).await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Row {
    fn into_alarm(self) -> Result<DueAlarm, StoreError> {
        Ok(DueAlarm {
            kind: word(&self.kind, AlarmKind::from_word(&self.kind))?,
            about: self.about,
            words: self.words,
            at: instant(self.at),
            told_at: instant_or_none(self.told_at),
            over_at: instant_or_none(self.over_at),
        })
    }
}
