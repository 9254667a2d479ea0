//! The writer of `holders`: which processes may hold claims, and which of them are gone.
//!
//! A holder renews its lease while it lives. On SQLite it also locks a file beside the database, so that the next
//! process knows at once that a killed one is gone; on PostgreSQL, where it may be on another machine, its lease
//! runs out within a minute, by the server's clock.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::PathBuf,
};

use jiff::{SignedDuration, Timestamp};
use sqlx::AssertSqlSafe;

use super::{Counter, Store, StoreError, Tx, deliveries::Claimed, ms};

/// How long a holder is believed to live after it last said so.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// A process's right to hold claims. Dropping it unlocks its file; [`Store::end_holder`] ends it properly.
#[derive(Debug)]
pub struct Holder {
    /// Its number.
    pub id: i64,
    _lock: Option<LockFile>,
}

/// How a holder's word came that it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// While its lease lasted.
    InTime,
    /// Behind the end of its lease, and nobody has minded. Nobody may have been able to say anything meanwhile.
    Late,
    /// Others have declared it gone and taken up its claims.
    Lost,
}

/// A locked file. Dropping it takes the file away and unlocks it: without a row nobody looks for the file, and with one
/// a file that is missing says as much as one that is unlocked.
#[derive(Debug)]
struct LockFile {
    path: PathBuf,
    _locked: File,
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // One that stays behind does no harm.
        let _ = fs::remove_file(&self.path);
    }
}

impl Store {
    /// Registers this process as a holder.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn begin_holder(&self, now: Timestamp) -> Result<Holder, StoreError> {
        let id = self.take_ids(Counter::Holders, 1).await?;
        // The file is locked before the row is seen, so that nobody can take a living holder for a dead one.
        let lock = self.lock_path(id).map(LockFile::new).transpose()?;
        let lease_end = self.lease_end("CAST($2 AS BIGINT)");
        let statement = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO holders (id, began_at, alive_until) VALUES ($1, $2, {lease_end})"
        )))
        .bind(id)
        .bind(ms(now));
        self.sender.execute(statement).await?;
        Ok(Holder { id, _lock: lock })
    }

    /// Says that the holder lives; gives how that came.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn renew_holder(&self, holder: &Holder, now: Timestamp) -> Result<Renewal, StoreError> {
        let mut tx = self.begin_sending().await?;
        let clock = self.engine.clock("CAST($2 AS BIGINT)");
        let left: Option<(i64,)> =
            sqlx::query_as(AssertSqlSafe(format!("SELECT alive_until - {clock} FROM holders WHERE id = $1")))
                .bind(holder.id)
                .bind(ms(now))
                .fetch_optional(&mut *tx.inner)
                .await?;
        let lives = tx.renew(holder, now).await?;
        tx.commit().await?;
        Ok(match left {
            Some((left,)) if lives && left < 0 => Renewal::Late,
            _ if lives => Renewal::InTime,
            _ => Renewal::Lost,
        })
    }

    /// Ends a holder and gives back what it still holds: those deliveries were claimed but never offered.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_holder(&self, holder: Holder, now: Timestamp) -> Result<(), StoreError> {
        self.doubt.resolve(&holder);
        let mut tx = self.begin_sending().await?;
        tx.give_back(holder.id, now).await?;
        tx.remove_holder(holder.id).await?;
        tx.commit().await?;
        drop(holder);
        Ok(())
    }

    /// Ends a holder that was stopped in the middle: `never_offered` is given back, and what it holds besides is
    /// unknown, for it may have reached a relay. All of it is due at once.
    ///
    /// # Errors
    /// When the store cannot be written. Then the next process to look takes all of it up as unknown.
    pub async fn abandon_holder(
        &self,
        holder: Holder,
        never_offered: &[Claimed],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.doubt.resolve(&holder);
        let mut tx = self.begin_sending().await?;
        let never_offered: Vec<_> = never_offered.iter().map(|it| (it.mailing.0, it.subscriber.0)).collect();
        tx.give_back_these(holder.id, &never_offered, now).await?;
        tx.remove_holder(holder.id).await?;
        tx.take_up_orphans(now).await?;
        tx.commit().await?;
        drop(holder);
        Ok(())
    }

    /// Takes up the claims of holders that are gone: their deliveries are `unknown`, due at once, with the same
    /// Message-ID as before. Gives how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn take_up_after_the_dead(&self, me: Option<&Holder>, now: Timestamp) -> Result<u64, StoreError> {
        let mine = me.map_or(0, |holder| holder.id);
        let clock = self.engine.clock("CAST($2 AS BIGINT)");
        let others: Vec<(i64, i64, i64)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT id, alive_until, alive_until - {clock} FROM holders WHERE id <> $1"
        )))
        .bind(mine)
        .bind(ms(now))
        .fetch_all(&self.reader)
        .await?;
        let dead: Vec<_> = others.into_iter().filter(|(id, _, left)| !self.lives(*id, *left)).collect();
        if dead.is_empty() && !self.has_orphans().await? {
            return Ok(0);
        }
        let mut tx = self.begin_sending().await?;
        for (id, alive_until, _) in &dead {
            // One that has said meanwhile that it lives after all is left alone.
            sqlx::query("DELETE FROM holders WHERE id = $1 AND alive_until = $2")
                .bind(id)
                .bind(alive_until)
                .execute(&mut *tx.inner)
                .await?;
        }
        let taken = tx.take_up_orphans(now).await?;
        tx.commit().await?;
        for path in dead.iter().filter_map(|(id, ..)| self.lock_path(*id)) {
            let _ = fs::remove_file(path);
        }
        Ok(taken)
    }

    fn lives(&self, id: i64, lease_left: i64) -> bool {
        let Some(path) = self.lock_path(id) else { return lease_left >= 0 };
        match OpenOptions::new().append(true).open(path) {
            // Its lock is free only when the process that took it is gone.
            Ok(file) => file.try_lock().is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    fn lock_path(&self, id: i64) -> Option<PathBuf> {
        self.engine.beside(&format!("-holder-{id}"))
    }

    fn lease_end(&self, given: &str) -> String {
        lease_end(self.engine.clock(given))
    }
}

impl Tx {
    /// Says that the holder lives; `false` when it was declared gone. Until this is committed nobody can declare it so.
    pub(super) async fn renew(&mut self, holder: &Holder, now: Timestamp) -> Result<bool, StoreError> {
        let lease_end = lease_end(self.engine.clock("CAST($1 AS BIGINT)"));
        let done = sqlx::query(AssertSqlSafe(format!("UPDATE holders SET alive_until = {lease_end} WHERE id = $2")))
            .bind(ms(now))
            .bind(holder.id)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn remove_holder(&mut self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM holders WHERE id = $1").bind(id).execute(&mut *self.inner).await?;
        Ok(())
    }
}

fn lease_end(clock: &str) -> String {
    format!("{clock} + {}", LEASE.as_millis())
}

impl LockFile {
    fn new(path: PathBuf) -> Result<Self, StoreError> {
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        match opened.and_then(|file| file.lock().map(|()| file)) {
            Ok(locked) => Ok(Self { path, _locked: locked }),
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Err(StoreError::Full)
            }
            Err(source) => Err(StoreError::Lock { place: path.display().to_string(), source }),
        }
    }
}
