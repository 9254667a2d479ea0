//! The writer of `suppressions`: addresses we must not write to, and why.

use jiff::Timestamp;

use super::{Store, StoreError, Tx, instant, ms, word};
use crate::domain::{address::EmailAddress, slug::Slug, subscription::SubscriberId, suppression::SuppressionKind};

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

/// A suppression as listings show it.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// The address.
    pub address: EmailAddress,
    /// The list; none: every list.
    pub list: Option<Slug>,
    /// How it came.
    pub kind: SuppressionKind,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub made_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    address_key: String,
    list: String,
    kind: String,
    reason: String,
    made_at: i64,
}

impl Store {
    /// Suppresses an address by itself: see [`Tx::suppress`].
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn suppress(
        &self,
        address: &EmailAddress,
        scope: Scope<'_>,
        kind: SuppressionKind,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let suppressed = tx.suppress(address, scope, kind, reason, now).await?;
        tx.commit().await?;
        Ok(suppressed)
    }

    /// Why an address is suppressed for a list, if it is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn suppression(&self, address: &EmailAddress, list: &Slug) -> Result<Option<String>, StoreError> {
        let all = self.suppressions_of(address).await?;
        Ok(all.into_iter().find(|it| it.list.as_ref().is_none_or(|of| of == list)).map(|it| it.reason))
    }

    /// How an address came to be suppressed with just this scope, if it is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn suppression_kind(
        &self,
        address: &EmailAddress,
        scope: Scope<'_>,
    ) -> Result<Option<SuppressionKind>, StoreError> {
        let all = self.suppressions_of(address).await?;
        let is_just_so = |it: &Suppression| it.list.as_ref().map_or("", Slug::as_str) == scope.as_str();
        Ok(all.into_iter().find(is_just_so).map(|it| it.kind))
    }

    /// Every suppression of one address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn suppressions_of(&self, address: &EmailAddress) -> Result<Vec<Suppression>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT address_key, list, kind, reason, made_at FROM suppressions WHERE address_key = $1 ORDER BY list",
        )
        .bind(address.key())
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_suppression).collect()
    }

    /// Suppressions, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn newest_suppressions(&self, limit: i64) -> Result<Vec<Suppression>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT address_key, list, kind, reason, made_at FROM suppressions
             ORDER BY made_at DESC, address_key, list LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(Row::into_suppression).collect()
    }
}

impl Tx {
    /// Suppresses an address; `false` when it is suppressed already, and then the first reason stands. But a complaint
    /// takes the place of what staff may lift.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn suppress(
        &mut self,
        address: &EmailAddress,
        scope: Scope<'_>,
        kind: SuppressionKind,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let before = self.counted_by_address(address).await?;
        let done = sqlx::query(
            "INSERT INTO suppressions (address_key, list, kind, reason, made_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (address_key, list) DO UPDATE SET kind = excluded.kind, reason = excluded.reason,
                    made_at = excluded.made_at
                WHERE excluded.kind = 'complaint' AND suppressions.kind <> 'complaint'",
        )
        .bind(address.key())
        .bind(scope.as_str())
        .bind(kind.as_str())
        .bind(reason)
        .bind(ms(now))
        .execute(&mut *self.inner)
        .await?;
        self.count_again(before, now).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lifts a suppression of that kind, and lets what had come back before count no more; `false` when there is none.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn lift(
        &mut self,
        address: &EmailAddress,
        scope: Scope<'_>,
        kind: SuppressionKind,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let before = self.counted_by_address(address).await?;
        let done = sqlx::query("DELETE FROM suppressions WHERE address_key = $1 AND list = $2 AND kind = $3")
            .bind(address.key())
            .bind(scope.as_str())
            .bind(kind.as_str())
            .execute(&mut *self.inner)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.count_again(before, now).await?;
        self.lift_bounces(address, now).await?;
        Ok(true)
    }

    /// Takes a subscriber's suppressions away, while their address is still known.
    pub(super) async fn erase_suppressions_of(&mut self, subscriber: SubscriberId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM suppressions WHERE address_key = (SELECT address_key FROM subscribers WHERE id = $1)")
            .bind(subscriber.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }
}

impl Row {
    fn into_suppression(self) -> Result<Suppression, StoreError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(error.to_string());
        let list = match self.list.as_str() {
            "" => None,
            list => Some(Slug::parse(list).map_err(|error| damaged(&error))?),
        };
        Ok(Suppression {
            address: EmailAddress::parse(&self.address_key).map_err(|error| damaged(&error))?,
            list,
            kind: word(&self.kind, SuppressionKind::from_word(&self.kind))?,
            reason: self.reason,
            made_at: instant(self.made_at),
        })
    }
}
