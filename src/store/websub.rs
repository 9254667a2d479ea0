//! The writer of `websub`: the hubs that tell us of feeds. A step that must happen once is a statement that changes a row
//! only as it was expected, so that two processes, or a hub that says something twice, do it once.

use jiff::Timestamp;

use super::{Counter, Store, StoreError, Tx, instant_or_none, ms, word};
use crate::domain::{
    slug::Slug,
    websub::{Mode, Offer, Watch, WatchId},
};

const COLUMNS: &str = "id, feed, hub, topic, wish, asked, lease_until, failures";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    feed: String,
    hub: String,
    topic: String,
    wish: String,
    asked: Option<String>,
    lease_until: Option<i64>,
    failures: i64,
}

impl Store {
    /// The watches of which something is due to be asked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn due_watches(&self, now: Timestamp) -> Result<Vec<Watch>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM websub WHERE due_at <= $1 ORDER BY id");
        let rows: Vec<Row> =
            sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(ms(now)).fetch_all(&self.reader).await?;
        rows.into_iter().map(Row::into_watch).collect()
    }

    /// The watch of that number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn watch(&self, id: WatchId) -> Result<Option<Watch>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM websub WHERE id = $1");
        let row: Option<Row> =
            sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(id.0).fetch_optional(&self.reader).await?;
        row.map(Row::into_watch).transpose()
    }

    /// The feeds that have watches which are wanted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn watched_feeds(&self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT DISTINCT feed FROM websub WHERE wish = 'subscribe'").fetch_all(&self.reader).await?;
        Ok(rows.into_iter().map(|(feed,)| feed).collect())
    }

    /// Notes, before a hub is asked, what it is asked, and when to ask again should nothing come of it. `false` when
    /// another process asks.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn ask_watch(&self, watch: &Watch, again_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let statement = sqlx::query(
            "UPDATE websub SET asked = wish, failures = failures + 1, due_at = $1
             WHERE id = $2 AND wish = $3 AND due_at <= $4",
        )
        .bind(ms(again_at))
        .bind(watch.id.0)
        .bind(watch.wish.as_str())
        .bind(ms(now));
        Ok(self.writer.execute(statement).await? == 1)
    }

    /// Forgets a watch that is no longer wanted and that no hub keeps.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_watch(&self, id: WatchId) -> Result<(), StoreError> {
        let statement = sqlx::query("DELETE FROM websub WHERE id = $1 AND wish = 'unsubscribe'").bind(id.0);
        self.writer.execute(statement).await?;
        Ok(())
    }
}

impl Tx {
    /// Lets a feed be watched by the hub that it offers, and by no other; by none when it offers none. Changes nothing
    /// when all is so already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn want_watch(&mut self, feed: &Slug, offer: Option<&Offer>, now: Timestamp) -> Result<(), StoreError> {
        let (hub, topic) = offer.map_or(("", ""), |offer| (offer.hub.as_str(), offer.topic.as_str()));
        sqlx::query(
            "UPDATE websub SET wish = 'unsubscribe', asked = NULL, failures = 0, due_at = $1
             WHERE feed = $2 AND wish = 'subscribe' AND NOT (hub = $3 AND topic = $4)",
        )
        .bind(ms(now))
        .bind(feed.as_str())
        .bind(hub)
        .bind(topic)
        .execute(&mut *self.inner)
        .await?;
        if offer.is_none() {
            return Ok(());
        }
        let is_wanted: Option<(i64,)> =
            sqlx::query_as("SELECT id FROM websub WHERE feed = $1 AND hub = $2 AND topic = $3 AND wish = 'subscribe'")
                .bind(feed.as_str())
                .bind(hub)
                .bind(topic)
                .fetch_optional(&mut *self.inner)
                .await?;
        if is_wanted.is_some() {
            return Ok(());
        }
        let id = self.take_ids(Counter::Watches, 1).await?;
        sqlx::query(
            "INSERT INTO websub (id, feed, hub, topic, wish, failures, due_at) VALUES ($1, $2, $3, $4, 'subscribe', 0, $5)
             ON CONFLICT (feed, hub, topic) DO UPDATE SET wish = 'subscribe', asked = NULL, failures = 0,
                due_at = excluded.due_at",
        )
        .bind(id)
        .bind(feed.as_str())
        .bind(hub)
        .bind(topic)
        .bind(ms(now))
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// The hub has verified that we asked it to tell us. `false` when we have not asked, or it was verified already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn watch_begins(
        &mut self,
        id: WatchId,
        lease_until: Timestamp,
        renew_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE websub SET asked = NULL, failures = 0, lease_until = $1, due_at = $2
             WHERE id = $3 AND asked = 'subscribe'",
        )
        .bind(ms(lease_until))
        .bind(ms(renew_at))
        .bind(id.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The hub has verified that we asked it to tell us no more: the watch is gone. `false` when we have not asked.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn watch_ends(&mut self, id: WatchId) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM websub WHERE id = $1 AND asked = 'unsubscribe'")
            .bind(id.0)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The hub will not tell us, or tells us no more. `false` when it did not, and we have not asked.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn watch_is_denied(&mut self, id: WatchId, again_at: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE websub SET asked = NULL, lease_until = NULL, due_at = $1
             WHERE id = $2 AND wish = 'subscribe' AND (asked = 'subscribe' OR lease_until IS NOT NULL)",
        )
        .bind(ms(again_at))
        .bind(id.0)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Row {
    fn into_watch(self) -> Result<Watch, StoreError> {
        Ok(Watch {
            id: WatchId(self.id),
            feed: word(&self.feed, Slug::parse(&self.feed).ok())?,
            hub: self.hub,
            topic: self.topic,
            wish: word(&self.wish, Mode::from_word(&self.wish))?,
            asked: self.asked.map(|asked| word(&asked, Mode::from_word(&asked))).transpose()?,
            lease_until: instant_or_none(self.lease_until),
            failures: u32::try_from(self.failures).unwrap_or(u32::MAX),
        })
    }
}
