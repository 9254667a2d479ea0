//! The one door through which every write passes: a transaction, or a statement by itself. Only this file can reach the
//! connections that write, so a new write cannot miss what is done here for all of them.

use std::sync::Arc;

use sqlx::{
    Any, AnyPool, Executor, FromRow,
    any::{AnyArguments, AnyRow},
    pool::PoolConnection,
    query::{Query, QueryAs},
};

use super::{Engine, StoreError, failpoint::write_point, runs::RunInHand};
use crate::domain::{actor::Actor, webhook::Want};

/// Where writes begin. SQLite: one connection, so that writers queue here and not in the file. PostgreSQL: a pool.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    pool: AnyPool,
}

/// Writes that happen together or not at all. It is never open while we wait for a network.
///
/// We begin and commit by hand: when a commit fails (the disk is full, the server is gone), nobody can tell what state
/// its connection is in, and so that connection is never used again.
#[derive(Debug)]
pub struct Tx {
    pub(super) engine: Engine,
    pub(super) inner: PoolConnection<Any>,
    /// The run that it belongs to, if there is one.
    pub(super) run: Option<RunInHand>,
    /// Who does it, when somebody does.
    pub(super) actor: Option<Actor>,
    /// What of all that happens is to be told to whom.
    pub(super) wants: Arc<[Want]>,
    state: TxState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TxState {
    Open,
    Ended,
}

impl Writer {
    /// Writes by these connections from now on; the tables are up to date.
    pub(super) fn new(pool: AnyPool) -> Self {
        Self { pool }
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self, engine: &Engine) -> Result<Tx, StoreError> {
        let inner = self.pool.acquire().await?;
        // Made before it begins, so that one that is dropped while it begins is taken for an open one.
        let mut tx = Tx::open(engine, inner);
        sqlx::query(engine.begin_statement()).execute(&mut *tx.inner).await?;
        Ok(tx)
    }

    /// Does one statement by itself, durable when this returns; gives how many rows it changed.
    pub(super) async fn execute(&self, statement: Query<'_, Any, AnyArguments>) -> Result<u64, StoreError> {
        write_point();
        let mut connection = self.pool.acquire().await?;
        let done = or_close(statement.execute(&mut *connection).await, &mut connection)?;
        write_point();
        Ok(done.rows_affected())
    }

    /// Does some statements together, without waiting for the disk: a process that is killed loses nothing of them, a
    /// machine that loses its power may. The next write that waits makes them durable as well. The first one must change
    /// `expected` rows, which is what is given; when it does not, `None`, and nothing is done.
    pub(super) async fn execute_unsynced(
        &self,
        engine: &Engine,
        first: Query<'_, Any, AnyArguments>,
        expected: u64,
        others: Vec<Query<'_, Any, AnyArguments>>,
    ) -> Result<Option<u64>, StoreError> {
        let inner = self.pool.acquire().await?;
        // A connection that no longer waits must not be used for another write: dropped in between, it is closed.
        let mut tx = Tx::open(engine, inner);
        for statement in engine.begin_unsynced() {
            tx.inner.execute(*statement).await?;
        }
        write_point();
        if first.execute(&mut *tx.inner).await?.rows_affected() != expected {
            return Ok(None);
        }
        for statement in others {
            statement.execute(&mut *tx.inner).await?;
        }
        for statement in engine.end_unsynced() {
            tx.inner.execute(*statement).await?;
        }
        tx.state = TxState::Ended;
        write_point();
        Ok(Some(expected))
    }

    /// Does one statement that gives back a row, if it changed one, by itself; durable when this returns.
    pub(super) async fn fetch_optional<O>(
        &self,
        statement: QueryAs<'_, Any, O, AnyArguments>,
    ) -> Result<Option<O>, StoreError>
    where
        O: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        write_point();
        // All rows are asked for: a statement that is left after its first row is not done yet.
        let mut connection = self.pool.acquire().await?;
        let mut rows = or_close(statement.fetch_all(&mut *connection).await, &mut connection)?;
        write_point();
        Ok(rows.pop())
    }

    /// The same, where a row always comes back.
    pub(super) async fn fetch_one<O>(&self, statement: QueryAs<'_, Any, O, AnyArguments>) -> Result<O, StoreError>
    where
        O: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        self.fetch_optional(statement).await?.ok_or(StoreError::Engine(sqlx::Error::RowNotFound))
    }

    /// Waits until what is under way is done, and closes.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection on which a write failed is not used again, for the same reason as in [`Tx`].
fn or_close<T>(done: sqlx::Result<T>, connection: &mut PoolConnection<Any>) -> sqlx::Result<T> {
    if done.is_err() {
        connection.close_on_drop();
    }
    done
}

impl Tx {
    /// One that is about to begin: of no run and by nobody, and with nothing to tell.
    fn open(engine: &Engine, inner: PoolConnection<Any>) -> Self {
        let (engine, wants) = (engine.clone(), Arc::default());
        Self { engine, inner, run: None, actor: None, wants, state: TxState::Open }
    }

    /// Makes the writes durable.
    ///
    /// # Errors
    /// When the store cannot be written now. Then nothing was; or all of it was, and only the answer was lost.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        write_point();
        sqlx::query("COMMIT").execute(&mut *self.inner).await?;
        self.state = TxState::Ended;
        write_point();
        Ok(())
    }

    /// Undoes all of it, and keeps the connection: for what is refused often, and by anybody's wish.
    ///
    /// # Errors
    /// When the store cannot be reached. Nothing was written then either.
    pub async fn undo(mut self) -> Result<(), StoreError> {
        sqlx::query("ROLLBACK").execute(&mut *self.inner).await?;
        self.state = TxState::Ended;
        Ok(())
    }
}

/// What was not ended is undone by closing its connection.
impl Drop for Tx {
    fn drop(&mut self) {
        if self.state == TxState::Open {
            self.inner.close_on_drop();
        }
    }
}
