//! The ledger: what was done, skipped, held or refused, and why. Rows are only ever added.

use jiff::Timestamp;
use serde::Serialize;

use super::{Counter, Store, StoreError, Tx, instant, ms};

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
}

impl Tx {
    /// Writes one line, together with what it tells of.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn record(&mut self, at: Timestamp, about: &str, event: &str, reason: &str) -> Result<(), StoreError> {
        let id = self.take_ids(Counter::Ledger, 1).await?;
        sqlx::query("INSERT INTO ledger (id, at, about, event, reason) VALUES ($1, $2, $3, $4, $5)")
            .bind(id)
            .bind(ms(at))
            .bind(about)
            .bind(event)
            .bind(reason)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
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

    /// The last `count` lines about one thing, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn entries_about(&self, about: &str, count: i64) -> Result<Vec<Entry>, StoreError> {
        let mut rows: Vec<(i64, String, String, String)> =
            sqlx::query_as("SELECT at, about, event, reason FROM ledger WHERE about = $1 ORDER BY id DESC LIMIT $2")
                .bind(about)
                .bind(count)
                .fetch_all(&self.reader)
                .await?;
        rows.reverse();
        Ok(rows.into_iter().map(|(at, about, event, reason)| Entry { at: instant(at), about, event, reason }).collect())
    }
}
