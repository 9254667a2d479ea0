//! The writer of `runs`: what each pass over all that is due did. The ledger's lines of a run carry its number. A run of the
//! daemon in which nothing was written into the ledger leaves no row.

use jiff::Timestamp;
use serde::Serialize;

use super::{Counter, Store, StoreError, Tx, instant, instant_or_none, ms, word};
use crate::domain::run::{Did, RunId, RunKind};

/// A run that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunInHand {
    /// Its number, from [`Store::run_number`].
    pub id: RunId,
    /// Who makes it.
    pub kind: RunKind,
    /// When it began.
    pub began_at: Timestamp,
}

/// A run as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredRun {
    /// Its number.
    pub id: RunId,
    /// Who made it.
    pub kind: RunKind,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended; `None`: it is under way, or was killed.
    pub ended_at: Option<Timestamp>,
    /// What it did.
    #[serde(flatten)]
    pub did: Did,
    /// What kept it from doing all of it, in words.
    pub trouble: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: String,
    began_at: i64,
    ended_at: Option<i64>,
    posts: i64,
    alerts: i64,
    digests: i64,
    sent: i64,
    trouble: Option<String>,
}

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "id, kind, began_at, ended_at, posts, alerts, digests, sent, trouble FROM runs"
    };
}

impl Store {
    /// A fresh number for a run.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn run_number(&self) -> Result<RunId, StoreError> {
        Ok(RunId(self.take_ids(Counter::Runs, 1).await?))
    }

    /// The same store, for what is done within a run: what is written into the ledger carries the run's number.
    pub fn in_run(&self, run: RunInHand) -> Self {
        Self { run: Some(run), ..self.clone() }
    }

    /// Writes the run down that this store is used in, if it is not yet.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn begin_run(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.write_run().await?;
        tx.commit().await
    }

    /// Notes that the run which this store is used in has ended; `false` when there is nothing of it to note: it wrote
    /// nothing into the ledger.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_run(&self, did: Did, trouble: Option<&str>, now: Timestamp) -> Result<bool, StoreError> {
        let Some(run) = self.run else { return Ok(false) };
        let is_written: Option<(i64,)> =
            sqlx::query_as("SELECT id FROM runs WHERE id = $1").bind(run.id.0).fetch_optional(&self.reader).await?;
        if is_written.is_none() {
            return Ok(false);
        }
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let statement = sqlx::query(
            "UPDATE runs SET ended_at = $1, posts = $2, alerts = $3, digests = $4, sent = $5, trouble = $6 WHERE id = $7",
        )
        .bind(ms(now))
        .bind(count(did.posts))
        .bind(count(did.alerts))
        .bind(count(did.digests))
        .bind(count(did.sent))
        .bind(trouble)
        .bind(run.id.0);
        self.writer.execute(statement).await?;
        Ok(true)
    }

    /// The newest runs, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn newest_runs(&self, limit: i64) -> Result<Vec<StoredRun>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " ORDER BY id DESC LIMIT $1"))
            .bind(limit)
            .fetch_all(&self.reader)
            .await?;
        rows.into_iter().map(Row::into_run).collect()
    }

    /// Runs, the newest first: those older than `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs_before(&self, before: Option<RunId>, limit: i64) -> Result<Vec<StoredRun>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " WHERE id < $1 ORDER BY id DESC LIMIT $2"))
            .bind(before.map_or(i64::MAX, |before| before.0))
            .bind(limit)
            .fetch_all(&self.reader)
            .await?;
        rows.into_iter().map(Row::into_run).collect()
    }

    /// One run.
    ///
    /// # Errors
    /// When the store cannot be read, and [`StoreError::Missing`].
    pub async fn run(&self, id: RunId) -> Result<StoredRun, StoreError> {
        let row: Option<Row> = sqlx::query_as(concat!("SELECT ", columns!(), " WHERE id = $1"))
            .bind(id.0)
            .fetch_optional(&self.reader)
            .await?;
        row.ok_or_else(|| StoreError::Missing(format!("run {}", id.0)))?.into_run()
    }
}

impl Tx {
    /// Writes the run down that this transaction belongs to, with what it tells of; gives its number, if there is one.
    pub(super) async fn write_run(&mut self) -> Result<Option<RunId>, StoreError> {
        let Some(run) = self.run else { return Ok(None) };
        sqlx::query("INSERT INTO runs (id, kind, began_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING")
            .bind(run.id.0)
            .bind(run.kind.as_str())
            .bind(ms(run.began_at))
            .execute(&mut *self.inner)
            .await?;
        Ok(Some(run.id))
    }
}

impl Row {
    fn into_run(self) -> Result<StoredRun, StoreError> {
        Ok(StoredRun {
            id: RunId(self.id),
            kind: word(&self.kind, RunKind::from_word(&self.kind))?,
            began_at: instant(self.began_at),
            ended_at: instant_or_none(self.ended_at),
            did: Did {
                posts: self.posts.unsigned_abs(),
                alerts: self.alerts.unsigned_abs(),
                digests: self.digests.unsigned_abs(),
                sent: self.sent.unsigned_abs(),
            },
            trouble: self.trouble,
        })
    }
}
