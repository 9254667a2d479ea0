//! Floor 1: the store, the only place that speaks SQL. One SQL text for SQLite and PostgreSQL; `engine.rs` is the one
//! seam between them. Each file here is the one writer of its tables. No rule of the trade lives here: the store
//! answers questions and writes decisions down.

pub mod alarms;
pub mod deliveries;
pub mod engine;
pub mod error;
pub mod feeds;
pub mod holders;
pub mod issues;
pub mod ledger;
pub mod lists;
pub mod mailings;
pub mod posts;
pub mod subscribers;
pub mod suppressions;

use jiff::Timestamp;
use sqlx::{Any, AnyPool, pool::PoolConnection};

pub use engine::Engine;
pub use error::StoreError;

/// An open store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    /// SQLite: one connection, so that writers queue here and not in the file. PostgreSQL: the pool.
    writer: AnyPool,
    /// SQLite: a few connections that only read. PostgreSQL: the same pool.
    reader: AnyPool,
}

/// Writes that happen together or not at all. It is never open while we wait for a network.
///
/// We begin and commit by hand: when a commit fails (the disk is full, the server is gone), nobody can tell what state
/// its connection is in, and so that connection is never used again.
#[derive(Debug)]
pub struct Tx {
    engine: Engine,
    inner: PoolConnection<Any>,
    state: TxState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TxState {
    Open,
    Committed,
}

impl Store {
    /// Begins writes that belong together.
    ///
    /// # Errors
    /// When the store cannot be written now.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = self.writer.acquire().await?;
        // Made before it begins, so that one that is dropped while it begins is taken for an open one.
        let mut tx = Tx { engine: self.engine.clone(), inner, state: TxState::Open };
        sqlx::query(self.engine.begin_statement()).execute(&mut *tx.inner).await?;
        Ok(tx)
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Waits until what is under way is done, and closes.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// The first of `count` fresh numbers for rows of one kind. A number that is not used leaves a harmless gap.
    async fn take_ids(&self, counter: Counter, count: usize) -> Result<i64, StoreError> {
        take_ids(&self.writer, counter, count).await
    }
}

async fn take_ids<'e>(
    on: impl sqlx::Executor<'e, Database = Any>,
    counter: Counter,
    count: usize,
) -> Result<i64, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let (last,): (i64,) = sqlx::query_as(
        "INSERT INTO counters (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value",
    )
    .bind(counter.name())
    .bind(count)
    .fetch_one(on)
    .await?;
    Ok(last - count + 1)
}

impl Tx {
    /// Makes the writes durable.
    ///
    /// # Errors
    /// When the store cannot be written now; then nothing was.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT").execute(&mut *self.inner).await?;
        self.state = TxState::Committed;
        Ok(())
    }
}

/// What was not committed is undone by closing its connection.
impl Drop for Tx {
    fn drop(&mut self) {
        if self.state == TxState::Open {
            self.inner.close_on_drop();
        }
    }
}

/// What is numbered.
#[derive(Clone, Copy, Debug)]
enum Counter {
    Holders,
    Issues,
    Ledger,
    Lists,
    Mailings,
    Posts,
    Subscribers,
}

impl Counter {
    fn name(self) -> &'static str {
        match self {
            Self::Holders => "holders",
            Self::Issues => "issues",
            Self::Ledger => "ledger",
            Self::Lists => "lists",
            Self::Mailings => "mailings",
            Self::Posts => "posts",
            Self::Subscribers => "subscribers",
        }
    }
}

/// The pattern for `LIKE … ESCAPE '!'` that finds `text` anywhere, each of its characters as it is.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

fn instant_or_none(ms: Option<i64>) -> Option<Timestamp> {
    ms.map(instant)
}

/// Reads a stored word back. What we wrote ourselves must read back; what does not is damage, and said so.
fn word<T>(text: &str, found: Option<T>) -> Result<T, StoreError> {
    found.ok_or_else(|| StoreError::Damaged(format!("the stored word `{text}` is not one of ours")))
}
