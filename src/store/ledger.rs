//! The ledger: what was done, skipped, held or refused, and why. Rows are only ever added.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::{Counter, Store, StoreError, Tx, instant, ms, word};
use crate::domain::{actor::Actor, run::RunId};

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What it is about, such as `feed:site`, `list:news`, `issue:7`.
    pub about: String,
    /// One word: `baseline`, `held`, `queued`, `skipped` …
    pub event: String,
    /// Why, in a sentence.
    pub reason: String,
    /// In which run, when it was in one.
    pub run: Option<RunId>,
    /// Who did it, when somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

type Row = (i64, String, String, String, Option<i64>, Option<String>);

#[derive(sqlx::FromRow)]
struct DeedRow {
    id: i64,
    at: i64,
    about: String,
    event: String,
    reason: String,
    run: Option<i64>,
    actor: Option<String>,
}

/// A line that tells of what somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// The line's number; later ones are higher.
    pub id: i64,
    /// The line.
    #[serde(flatten)]
    pub entry: Entry,
}

const LAST_ABOUT: &str = "SELECT COALESCE(MAX(id), 0) FROM ledger WHERE about = $1";

impl Tx {
    /// Writes one line, together with what it tells of.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn record(&mut self, at: Timestamp, about: &str, event: &str, reason: &str) -> Result<(), StoreError> {
        let id = self.take_ids(Counter::Ledger, 1).await?;
        let run = self.write_run().await?;
        sqlx::query(
            "INSERT INTO ledger (id, at, about, event, reason, run, actor) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(ms(at))
        .bind(about)
        .bind(event)
        .bind(reason)
        .bind(run.map(|run| run.0))
        .bind(self.actor.as_ref().map(ToString::to_string))
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// The number of the last line about one thing; 0 when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_entry_about(&mut self, about: &str) -> Result<i64, StoreError> {
        let (last,): (i64,) = sqlx::query_as(LAST_ABOUT).bind(about).fetch_one(&mut *self.inner).await?;
        Ok(last)
    }
}

impl Store {
    /// Writes one line by itself.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn record(&self, at: Timestamp, about: &str, event: &str, reason: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.record(at, about, event, reason).await?;
        tx.commit().await
    }

    /// The number of the last line about one thing; 0 when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_entry_about(&self, about: &str) -> Result<i64, StoreError> {
        let (last,): (i64,) = sqlx::query_as(LAST_ABOUT).bind(about).fetch_one(&self.reader).await?;
        Ok(last)
    }

    /// The last `count` lines about one thing, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn entries_about(&self, about: &str, count: i64) -> Result<Vec<Entry>, StoreError> {
        let mut rows: Vec<Row> = sqlx::query_as(
            "SELECT at, about, event, reason, run, actor FROM ledger WHERE about = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(about)
        .bind(count)
        .fetch_all(&self.reader)
        .await?;
        rows.reverse();
        rows.into_iter().map(entry).collect()
    }

    /// What somebody did, the newest first, at most `limit` lines: of one actor or of all, and older than line `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deeds(&self, actor: Option<&Actor>, before: Option<i64>, limit: i64) -> Result<Vec<Deed>, StoreError> {
        let whose = if actor.is_some() { "actor = $3" } else { "actor IS NOT NULL AND $3 = ''" };
        let sql = format!(
            "SELECT at, about, event, reason, run, actor, id FROM ledger WHERE {whose} AND id < $1
             ORDER BY id DESC LIMIT $2"
        );
        let rows: Vec<DeedRow> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit)
            .bind(actor.map(ToString::to_string).unwrap_or_default())
            .fetch_all(&self.reader)
            .await?;
        let deed = |row: DeedRow| {
            let line = (row.at, row.about, row.event, row.reason, row.run, row.actor);
            Ok(Deed { id: row.id, entry: entry(line)? })
        };
        rows.into_iter().map(deed).collect()
    }

    /// All lines of one run, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn entries_of(&self, run: RunId) -> Result<Vec<Entry>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT at, about, event, reason, run, actor FROM ledger WHERE run = $1 ORDER BY id")
                .bind(run.0)
                .fetch_all(&self.reader)
                .await?;
        rows.into_iter().map(entry).collect()
    }
}

fn entry((at, about, event, reason, run, actor): Row) -> Result<Entry, StoreError> {
    let actor = actor.map(|text| word(&text, text.parse().ok())).transpose()?;
    Ok(Entry { at: instant(at), about, event, reason, run: run.map(RunId), actor })
}
