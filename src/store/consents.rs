//! The writer of `consents` and `forgotten`: what people did about their subscriptions, only ever added; and, of those who
//! were erased, what is needed to leave them in peace.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::{Counter, Store, StoreError, Tx, instant, ms, word};
use crate::domain::{
    consent::{Act, Consented, Door},
    slug::Slug,
    subscription::SubscriberId,
    token::Fingerprint,
};

type Row = (String, String, String, String, String, i64);

impl Store {
    /// The record of one subscriber, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn consents_of(&self, subscriber: SubscriberId) -> Result<Vec<Consented>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT list, act, door, origin, text, at FROM consents WHERE subscriber = $1 ORDER BY at, id",
        )
        .bind(subscriber.0)
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(consented).collect()
    }
}

impl Tx {
    /// Adds lines to a subscriber's record.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn add_consents(&mut self, subscriber: SubscriberId, lines: &[Consented]) -> Result<(), StoreError> {
        let first = self.take_ids(Counter::Consents, lines.len()).await?;
        for (id, line) in (first..).zip(lines) {
            sqlx::query(
                "INSERT INTO consents (id, subscriber, list, act, door, origin, text, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(id)
            .bind(subscriber.0)
            .bind(line.list.as_str())
            .bind(line.act.as_str())
            .bind(line.door.as_str())
            .bind(&line.origin)
            .bind(&line.text)
            .bind(ms(line.at))
            .execute(&mut *self.inner)
            .await?;
        }
        Ok(())
    }

    /// Remembers an erased address by its fingerprint alone.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn remember_forgotten(&mut self, fingerprint: &Fingerprint, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO forgotten (fingerprint, at) VALUES ($1, $2) ON CONFLICT (fingerprint) DO NOTHING")
            .bind(fingerprint.as_str())
            .bind(ms(now))
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// They came back by themselves.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn no_longer_forgotten(&mut self, fingerprint: &Fingerprint) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM forgotten WHERE fingerprint = $1")
            .bind(fingerprint.as_str())
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// True when anybody at all was erased.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn has_forgotten_anybody(&mut self) -> Result<bool, StoreError> {
        let row: Option<(i64,)> =
            sqlx::query_as("SELECT at FROM forgotten LIMIT 1").fetch_optional(&mut *self.inner).await?;
        Ok(row.is_some())
    }

    /// Which of these were erased.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn forgotten(&mut self, fingerprints: &[&str]) -> Result<Vec<String>, StoreError> {
        let each = self.engine.json_rows();
        let rows: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT f.fingerprint FROM {each} CROSS JOIN forgotten f WHERE f.fingerprint = value->>0"
        )))
        .bind(
            serde_json::to_string(&fingerprints.iter().map(|print| [print]).collect::<Vec<_>>())
                .expect("texts are JSON"),
        )
        .fetch_all(&mut *self.inner)
        .await?;
        Ok(rows.into_iter().map(|(print,)| print).collect())
    }

    /// Takes away one who never was on a list. What bars their address stays: they may have complained of what somebody
    /// asked for in their name.
    pub(super) async fn erase_stranger(&mut self, subscriber: SubscriberId) -> Result<(), StoreError> {
        self.erase_subscriptions_of(subscriber).await
    }

    /// Takes away all that is known of a subscriber but numbers. What waits to be sent to them is dropped when it is claimed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn erase_subscriber(&mut self, subscriber: SubscriberId, now: Timestamp) -> Result<(), StoreError> {
        let before = self.counted(subscriber).await?;
        self.erase_answers_to(subscriber, now).await?;
        self.erase_suppressions_of(subscriber).await?;
        self.erase_bounces_of(subscriber).await?;
        self.tell_erased(subscriber, now).await?;
        sqlx::query("DELETE FROM consents WHERE subscriber = $1").bind(subscriber.0).execute(&mut *self.inner).await?;
        self.erase_subscriptions_of(subscriber).await?;
        self.count_again(before, now).await
    }
}

fn consented((list, act, door, origin, text, at): Row) -> Result<Consented, StoreError> {
    Ok(Consented {
        list: Slug::parse(&list).map_err(|error| StoreError::Damaged(error.to_string()))?,
        act: word(&act, Act::from_word(&act))?,
        door: word(&door, Door::from_word(&door))?,
        origin,
        text,
        at: instant(at),
    })
}
