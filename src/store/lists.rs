//! The writer of `lists`: since when a list exists, and which of its digest slots are done with.

use jiff::Timestamp;

use super::{Counter, Store, StoreError, Tx, instant, ms};
use crate::domain::slug::Slug;

/// What is remembered of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListState {
    /// Stands for the list in tokens, for ever.
    pub number: u16,
    /// Posts that were news before this are not for this list.
    pub baseline_at: Timestamp,
    /// Digest slots up to this instant are done with.
    pub slots_until: Timestamp,
}

impl Store {
    /// What is remembered of a list; one that was never seen before begins now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn state_of_list(&self, name: &Slug, now: Timestamp) -> Result<ListState, StoreError> {
        if let Some(state) = self.find_list(name).await? {
            return Ok(state);
        }
        let number = self.take_ids(Counter::Lists, 1).await?;
        let statement = sqlx::query(
            "INSERT INTO lists (name, number, baseline_at, slots_until) VALUES ($1, $2, $3, $3)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(name.as_str())
        .bind(number)
        .bind(ms(now));
        self.writer.execute(statement).await?;
        self.find_list(name).await?.ok_or_else(|| StoreError::Missing(format!("list `{name}`")))
    }

    /// The name of the list a token's number stands for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn name_of_list(&self, number: u16) -> Result<Option<Slug>, StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT name FROM lists WHERE number = $1")
            .bind(i64::from(number))
            .fetch_optional(&self.reader)
            .await?;
        row.map(|(name,)| Slug::parse(&name).map_err(|error| StoreError::Damaged(error.to_string()))).transpose()
    }

    /// Marks digest slots up to `until` as done with when nothing was to be mailed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn skip_slots(&self, name: &Slug, until: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let moved = tx.end_slots(name, until).await?;
        tx.commit().await?;
        Ok(moved)
    }

    async fn find_list(&self, name: &Slug) -> Result<Option<ListState>, StoreError> {
        let row: Option<(i64, i64, i64)> =
            sqlx::query_as("SELECT number, baseline_at, slots_until FROM lists WHERE name = $1")
                .bind(name.as_str())
                .fetch_optional(&self.reader)
                .await?;
        row.map(|(number, baseline_at, slots_until)| {
            Ok(ListState {
                number: u16::try_from(number)
                    .map_err(|_| StoreError::Damaged("a list's number is out of range".into()))?,
                baseline_at: instant(baseline_at),
                slots_until: instant(slots_until),
            })
        })
        .transpose()
    }
}

impl Tx {
    /// Marks digest slots up to `until` as done with; `false` when they were already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_slots(&mut self, name: &Slug, until: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE lists SET slots_until = $1 WHERE name = $2 AND slots_until < $1")
            .bind(ms(until))
            .bind(name.as_str())
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Has the digest slots of a list done with up to now, when it says that later ones are.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn take_back_slots(&mut self, name: &Slug, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE lists SET slots_until = $1 WHERE name = $2 AND slots_until > $1")
            .bind(ms(now))
            .bind(name.as_str())
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }
}
