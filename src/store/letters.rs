//! The writer of `letters` and `dead_letters`: which letters were taken in, and those that could not be. A letter is
//! named by its digest; its text is kept only while it is a dead one.

use data_encoding::BASE64;
use jiff::Timestamp;

use super::{Counter, Store, StoreError, Tx, instant, ms};
use crate::domain::{address::EmailAddress, alarm::Alarm};

/// The most dead letters that are kept, a mebibyte each: then the oldest makes room, and the ledger says so.
pub const KEPT: i64 = 200;

/// What is known of a letter that came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLetter {
    /// How often it failed while the store was well.
    pub tries: i64,
    /// What was done; `None` while it is tried again.
    pub done: Option<String>,
}

/// A letter that cannot be handled, to be put aside.
#[derive(Clone, Copy, Debug)]
pub struct Unhandled<'a> {
    /// Its digest.
    pub digest: &'a str,
    /// The address it came to, when its door knew.
    pub recipient: Option<&'a str>,
    /// Its envelope sender, when its door knew.
    pub sender: Option<&'a str>,
    /// The message.
    pub bytes: &'a [u8],
    /// Why it cannot be handled.
    pub reason: &'a str,
}

/// A letter that was put aside, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number.
    pub id: i64,
    /// When it was last tried.
    pub at: Timestamp,
    /// The address it came to, when its door knew.
    pub recipient: Option<String>,
    /// Its envelope sender, when its door knew.
    pub sender: Option<String>,
    /// Why it could not be handled.
    pub reason: String,
    /// The size of the message, in octets.
    pub size: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    recipient: Option<String>,
    sender: Option<String>,
    reason: String,
    size: i64,
}

impl Store {
    /// What is known of the letter of this digest.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn letter(&self, digest: &str) -> Result<Option<KnownLetter>, StoreError> {
        let row: Option<(i64, Option<String>)> = sqlx::query_as("SELECT tries, done FROM letters WHERE digest = $1")
            .bind(digest)
            .fetch_optional(&self.reader)
            .await?;
        Ok(row.map(|(tries, done)| KnownLetter { tries, done }))
    }

    /// Remembers that a letter was taken, and what was done with it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn letter_taken(&self, digest: &str, done: &str, now: Timestamp) -> Result<(), StoreError> {
        let statement = sqlx::query(
            "INSERT INTO letters (digest, at, tries, done) VALUES ($1, $2, 0, $3)
             ON CONFLICT (digest) DO UPDATE SET at = excluded.at, done = excluded.done",
        )
        .bind(digest)
        .bind(ms(now))
        .bind(done);
        self.writer.execute(statement).await?;
        Ok(())
    }

    /// Remembers that a letter failed though the store was well; gives how often it has by now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn letter_failed(&self, digest: &str, now: Timestamp) -> Result<i64, StoreError> {
        let statement = sqlx::query_as(
            "INSERT INTO letters (digest, at, tries) VALUES ($1, $2, 1)
             ON CONFLICT (digest) DO UPDATE SET at = excluded.at, tries = letters.tries + 1 RETURNING tries",
        )
        .bind(digest)
        .bind(ms(now));
        let (tries,) = self.writer.fetch_one(statement).await?;
        Ok(tries)
    }

    /// Keeps a letter aside, raises the alarm that tells staff of it, and remembers it as done with.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn put_letter_aside(
        &self,
        letter: Unhandled<'_>,
        alarm: &Alarm,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let id = tx.take_ids(Counter::DeadLetters, 1).await?;
        sqlx::query(
            "INSERT INTO dead_letters (id, digest, at, recipient, sender, reason, size, message)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (digest) DO UPDATE SET at = excluded.at, reason = excluded.reason",
        )
        .bind(id)
        .bind(letter.digest)
        .bind(ms(now))
        .bind(letter.recipient)
        .bind(letter.sender)
        .bind(letter.reason)
        .bind(i64::try_from(letter.bytes.len()).unwrap_or(i64::MAX))
        .bind(BASE64.encode(letter.bytes))
        .execute(&mut *tx.inner)
        .await?;
        tx.make_room_for_dead_letters(now).await?;
        sqlx::query(
            "INSERT INTO letters (digest, at, tries, done) VALUES ($1, $2, 0, $3)
             ON CONFLICT (digest) DO UPDATE SET at = excluded.at, done = excluded.done",
        )
        .bind(letter.digest)
        .bind(ms(now))
        .bind(format!("put aside: {}", letter.reason))
        .execute(&mut *tx.inner)
        .await?;
        tx.raise_alarm(alarm, now).await?;
        tx.commit().await
    }

    /// The dead letters, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT id, at, recipient, sender, reason, size FROM dead_letters ORDER BY id DESC")
                .fetch_all(&self.reader)
                .await?;
        Ok(rows.into_iter().map(Row::into_letter).collect())
    }

    /// The dead letters whose envelope names this sender, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead_letters_from(&self, sender: &EmailAddress) -> Result<Vec<DeadLetter>, StoreError> {
        let is_theirs = |letter: &DeadLetter| letter.sender.as_deref().is_some_and(|text| is_address(text, sender));
        Ok(self.dead_letters().await?.into_iter().filter(is_theirs).collect())
    }

    /// The text of a dead letter.
    ///
    /// # Errors
    /// When there is none of that number, or the store cannot be read.
    pub async fn text_of_dead_letter(&self, id: i64) -> Result<Vec<u8>, StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT message FROM dead_letters WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.reader)
            .await?;
        let (message,) = row.ok_or_else(|| StoreError::Missing(format!("letter {id}")))?;
        BASE64.decode(message.as_bytes()).map_err(|_| StoreError::Damaged(format!("letter {id} is not Base64")))
    }

    /// Forgets when letters were taken before this instant: nobody sends them again. Cheap when there are none.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn forget_letters(&self, before: Timestamp) -> Result<(), StoreError> {
        let is_due: Option<(i64,)> = sqlx::query_as("SELECT at FROM letters WHERE at < $1 LIMIT 1")
            .bind(ms(before))
            .fetch_optional(&self.reader)
            .await?;
        if is_due.is_some() {
            self.writer.execute(sqlx::query("DELETE FROM letters WHERE at < $1").bind(ms(before))).await?;
        }
        Ok(())
    }
}

impl Tx {
    /// Gives up the dead letters whose envelope names this sender.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn erase_dead_letters_from(&mut self, sender: &EmailAddress) -> Result<(), StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as("SELECT id, sender FROM dead_letters WHERE sender IS NOT NULL")
            .fetch_all(&mut *self.inner)
            .await?;
        for (id, _) in rows.into_iter().filter(|(_, text)| is_address(text, sender)) {
            sqlx::query("DELETE FROM dead_letters WHERE id = $1").bind(id).execute(&mut *self.inner).await?;
        }
        Ok(())
    }

    /// Gives up the oldest dead letters above [`KEPT`].
    async fn make_room_for_dead_letters(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let oldest: Option<(i64,)> = sqlx::query_as("SELECT id FROM dead_letters ORDER BY id DESC LIMIT 1 OFFSET $1")
            .bind(KEPT)
            .fetch_optional(&mut *self.inner)
            .await?;
        let Some((last_gone,)) = oldest else { return Ok(()) };
        let done =
            sqlx::query("DELETE FROM dead_letters WHERE id <= $1").bind(last_gone).execute(&mut *self.inner).await?;
        let words = format!("{} made room, for {KEPT} are kept at most", done.rows_affected());
        self.record(now, "intake", "dropped", &words).await
    }

    /// Gives up a dead letter; gives how many are left.
    ///
    /// # Errors
    /// When there is none of that number, or the store cannot be written.
    pub async fn drop_dead_letter(&mut self, id: i64) -> Result<i64, StoreError> {
        let done = sqlx::query("DELETE FROM dead_letters WHERE id = $1").bind(id).execute(&mut *self.inner).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Missing(format!("letter {id}")));
        }
        let (left,) =
            sqlx::query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM dead_letters").fetch_one(&mut *self.inner).await?;
        Ok(left)
    }
}

fn is_address(text: &str, address: &EmailAddress) -> bool {
    EmailAddress::parse(text).is_ok_and(|parsed| parsed == *address)
}

impl Row {
    fn into_letter(self) -> DeadLetter {
        let Self { id, at, recipient, sender, reason, size } = self;
        DeadLetter { id, at: instant(at), recipient, sender, reason, size }
    }
}
