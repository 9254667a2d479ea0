//! The writer of `mailboxes`: how far each was read, so that no message in it is missed and none is fetched twice.

use super::{Store, StoreError};

/// How far a mailbox was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadUpTo {
    /// The UIDVALIDITY that the number belongs to: with another one it means nothing (RFC 3501 §2.3.1.1).
    pub validity: u32,
    /// Every message whose UID is below was taken.
    pub next: u32,
}

impl Store {
    /// How far a mailbox was read, if ever.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn mailbox(&self, about: &str) -> Result<Option<ReadUpTo>, StoreError> {
        let row: Option<(i64, i64)> = sqlx::query_as("SELECT validity, next FROM mailboxes WHERE about = $1")
            .bind(about)
            .fetch_optional(&self.reader)
            .await?;
        let number = |number: i64| u32::try_from(number).map_err(|_| StoreError::Damaged(format!("mailbox `{about}`")));
        row.map(|(validity, next)| Ok(ReadUpTo { validity: number(validity)?, next: number(next)? })).transpose()
    }

    /// Notes how far a mailbox was read.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn mailbox_read(&self, about: &str, read: ReadUpTo) -> Result<(), StoreError> {
        let statement = sqlx::query(
            "INSERT INTO mailboxes (about, validity, next) VALUES ($1, $2, $3)
             ON CONFLICT (about) DO UPDATE SET validity = excluded.validity, next = excluded.next",
        )
        .bind(about)
        .bind(i64::from(read.validity))
        .bind(i64::from(read.next));
        self.writer.execute(statement).await?;
        Ok(())
    }
}
