//! The writer of `suppressions`: addresses we must not write to, and why.

use jiff::Timestamp;

use super::{Store, StoreError, Tx, ms};
use crate::domain::{address::EmailAddress, slug::Slug, subscription::SubscriberId};

/// How far a suppression reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Every list.
    All,
    /// One list.
    List(&'a Slug),
}

impl Scope<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::All => "",
            Self::List(list) => list.as_str(),
        }
    }
}

impl Store {
    /// Suppresses an address. One that is suppressed already keeps its first reason.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn suppress(
        &self,
        address: &EmailAddress,
        scope: Scope<'_>,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = sqlx::query(
            "INSERT INTO suppressions (address_key, list, reason, made_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (address_key, list) DO NOTHING",
        )
        .bind(address.key())
        .bind(scope.as_str())
        .bind(reason)
        .bind(ms(now));
        self.writer.execute(statement).await?;
        Ok(())
    }

    /// Why an address is suppressed for a list, if it is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn suppression(&self, address: &EmailAddress, list: &Slug) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT reason FROM suppressions WHERE address_key = $1 AND list IN ('', $2) LIMIT 1")
                .bind(address.key())
                .bind(list.as_str())
                .fetch_optional(&self.reader)
                .await?;
        Ok(row.map(|(reason,)| reason))
    }
}

impl Tx {
    /// Takes a subscriber's suppressions away, while their address is still known.
    pub(super) async fn erase_suppressions_of(&mut self, subscriber: SubscriberId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM suppressions WHERE address_key = (SELECT address_key FROM subscribers WHERE id = $1)")
            .bind(subscriber.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }
}
