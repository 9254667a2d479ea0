//! Floor 1: the store, the only place that speaks SQL. One SQL text for SQLite and PostgreSQL; `engine.rs` is the one
//! seam between them. Each file here is the one writer of its tables. No rule of the trade lives here: the store
//! answers questions and writes decisions down.

pub mod access;
pub mod alarms;
pub mod bounces;
pub mod consents;
pub mod deliveries;
pub mod engine;
pub mod error;
mod failpoint;
pub mod feeds;
pub mod growth;
pub mod holders;
pub mod hook_tokens;
pub mod issues;
pub mod ledger;
pub mod letters;
pub mod lists;
pub mod mailboxes;
pub mod mailings;
pub mod posts;
pub mod readers;
pub mod relays;
pub mod requests;
pub mod runs;
pub mod sessions;
pub mod staff;
pub mod subscribers;
pub mod suppressions;
pub mod webhooks;
pub mod websub;
mod writer;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use sqlx::{Any, AnyPool, any::AnyArguments, query::QueryAs};
use tokio::time::timeout;

use crate::domain::{actor::Actor, webhook::Want};
use deliveries::Doubt;
pub use engine::{Engine, Options};
pub use error::StoreError;
use runs::RunInHand;
pub use writer::Tx;
use writer::Writer;

/// An open store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    writer: Writer,
    /// What writes of mail under way: claims, outcomes, and that this process lives. PostgreSQL: connections of its own, so
    /// that those who wait for a long import keep nothing from going. SQLite: the writer.
    sender: Writer,
    /// A few connections that can only read.
    reader: AnyPool,
    doubt: Arc<Doubt>,
    /// How long a server may take over one thing before it is taken for gone; `None` where there is no server.
    answers_within: Option<Duration>,
    /// The run that it is used in, if there is one.
    run: Option<RunInHand>,
    /// Who does what is done with it, when somebody does.
    actor: Option<Actor>,
    /// What of all that happens is to be told to whom.
    wants: Arc<[Want]>,
}

impl Store {
    /// Begins writes that belong together.
    ///
    /// # Errors
    /// When the store cannot be written now.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.begin_by(&self.writer).await
    }

    /// The same, for mail under way.
    async fn begin_sending(&self) -> Result<Tx, StoreError> {
        self.begin_by(&self.sender).await
    }

    async fn begin_by(&self, writer: &Writer) -> Result<Tx, StoreError> {
        let mut tx = writer.begin(&self.engine).await?;
        tx.run = self.run;
        tx.actor.clone_from(&self.actor);
        tx.wants = Arc::clone(&self.wants);
        Ok(tx)
    }

    /// Waits for what is done with the store, but not for ever. A server that loses its power in the middle of an answer never
    /// ends the connection, and neither does the system, for it has nothing to send: who must go on asks through this. What
    /// was cut off may have been done.
    ///
    /// # Errors
    /// [`StoreError::Silent`], and those of what is waited for.
    pub async fn in_time<T>(&self, doing: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match self.answers_within {
            Some(limit) => timeout(limit, doing).await.unwrap_or(Err(StoreError::Silent)),
            None => doing.await,
        }
    }

    /// The same store, for what somebody does: what is written into the ledger carries who.
    pub fn by(&self, actor: Actor) -> Self {
        Self { actor: Some(actor), ..self.clone() }
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Waits until what is under way is done, and closes.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
        self.sender.close().await;
    }

    /// The first of `count` fresh numbers for rows of one kind. A number that is not used leaves a harmless gap.
    async fn take_ids(&self, counter: Counter, count: usize) -> Result<i64, StoreError> {
        let (last,) = self.writer.fetch_one(counter.raise_by(count)).await?;
        Ok(first_of(last, count))
    }
}

impl Tx {
    /// The same, within a transaction.
    async fn take_ids(&mut self, counter: Counter, count: usize) -> Result<i64, StoreError> {
        let (last,) = counter.raise_by(count).fetch_one(&mut *self.inner).await?;
        Ok(first_of(last, count))
    }
}

fn first_of(last: i64, count: usize) -> i64 {
    last - i64::try_from(count).unwrap_or(i64::MAX) + 1
}

/// What is numbered.
#[derive(Clone, Copy, Debug)]
enum Counter {
    AccessTokens,
    AlertsByPrograms,
    Consents,
    DeadLetters,
    Holders,
    Issues,
    Ledger,
    Lists,
    Mailings,
    Posts,
    Requests,
    Runs,
    Staff,
    StaffLinks,
    Subscribers,
    Turns,
    Watches,
    WebhookEvents,
}

impl Counter {
    /// Raises it, and gives its new value.
    fn raise_by(self, count: usize) -> QueryAs<'static, Any, (i64,), AnyArguments> {
        sqlx::query_as(
            "INSERT INTO counters (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value",
        )
        .bind(self.name())
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
    }

    fn name(self) -> &'static str {
        match self {
            Self::AccessTokens => "access tokens",
            Self::AlertsByPrograms => "alerts by programs",
            Self::Consents => "consents",
            Self::DeadLetters => "dead letters",
            Self::Holders => "holders",
            Self::Issues => "issues",
            Self::Ledger => "ledger",
            Self::Lists => "lists",
            Self::Mailings => "mailings",
            Self::Posts => "posts",
            Self::Requests => "requests",
            Self::Runs => "runs",
            Self::Staff => "staff",
            Self::StaffLinks => "staff links",
            Self::Subscribers => "subscribers",
            Self::Turns => "turns",
            Self::Watches => "watches",
            Self::WebhookEvents => "webhook events",
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

/// The latest instant that may stand in a row as a time that was the present: a clock may be some hours behind for a while, but
/// what is more than a day to come was written while one was ahead.
pub fn latest_present(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX)
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
