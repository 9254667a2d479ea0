//! The writer of `feeds`: what we remember of a feed between two looks.

use jiff::{SignedDuration, Timestamp};

use super::{Store, StoreError, Tx, instant_or_none, latest_present, ms};
use crate::domain::{
    feed::{Feed, FeedState},
    slug::Slug,
};

/// How long one process may take over one look before another may begin its own.
const LOOK_LEASE: SignedDuration = SignedDuration::from_mins(3);

#[derive(sqlx::FromRow)]
struct Row {
    url: String,
    moved_to: Option<String>,
    etag: Option<String>,
    last_modified: Option<String>,
    baseline_at: Option<i64>,
    checked_at: Option<i64>,
    failing_since: Option<i64>,
    failures: i64,
    last_error: Option<String>,
    next_check_at: i64,
    pings: i64,
    pings_heard: i64,
}

impl Store {
    /// Claims the look at a feed that is due or pinged: `None` when it is neither, or somebody is at it. The state of a
    /// feed whose URL was changed in the configuration keeps its baseline and pings, and forgets the rest.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn claim_look(&self, feed: &Feed, now: Timestamp) -> Result<Option<FeedState>, StoreError> {
        let lease = now.checked_add(LOOK_LEASE).unwrap_or(Timestamp::MAX);
        let statement = sqlx::query(
            "INSERT INTO feeds (name, url, next_check_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
        )
        .bind(feed.name.as_str())
        .bind(feed.url.as_str())
        .bind(ms(now));
        self.writer.execute(statement).await?;
        let statement = sqlx::query_as(
            "UPDATE feeds SET looking_until = $1
             WHERE name = $2 AND (next_check_at <= $3 OR url <> $4 OR pings > pings_heard OR checked_at > $5)
                AND (COALESCE(looking_until, 0) <= $3 OR looking_until > $5)
             RETURNING url, moved_to, etag, last_modified, baseline_at, checked_at, failing_since, failures,
                       last_error, next_check_at, pings, pings_heard",
        )
        .bind(ms(lease))
        .bind(feed.name.as_str())
        .bind(ms(now))
        .bind(feed.url.as_str())
        .bind(ms(latest_present(now)));
        let row: Option<Row> = self.writer.fetch_optional(statement).await?;
        let Some(row) = row else { return Ok(None) };
        let same_url = row.url == feed.url.as_str();
        let state = row.into_state();
        let FeedState { baseline_at, pings, pings_heard, .. } = state;
        Ok(Some(if same_url { state } else { FeedState { baseline_at, pings, pings_heard, ..FeedState::default() } }))
    }

    /// Writes down that a feed is said to have news. A feed that was never looked at is due anyway.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn ping_feed(&self, name: &Slug) -> Result<(), StoreError> {
        let statement = sqlx::query("UPDATE feeds SET pings = pings + 1 WHERE name = $1").bind(name.as_str());
        self.writer.execute(statement).await?;
        Ok(())
    }

    /// True while a process is looking at the feed: what it has found is not in the store yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_looked_at(&self, name: &Slug, now: Timestamp) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = sqlx::query_as(
            "SELECT looking_until FROM feeds WHERE name = $1 AND looking_until > $2 AND looking_until <= $3",
        )
        .bind(name.as_str())
        .bind(ms(now))
        .bind(ms(latest_present(now)))
        .fetch_optional(&self.reader)
        .await?;
        Ok(row.is_some())
    }

    /// What is remembered of a feed, if it was ever looked at.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn feed_state(&self, name: &Slug) -> Result<Option<FeedState>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT url, moved_to, etag, last_modified, baseline_at, checked_at, failing_since, failures, last_error,
                    next_check_at, pings, pings_heard FROM feeds WHERE name = $1",
        )
        .bind(name.as_str())
        .fetch_optional(&self.reader)
        .await?;
        Ok(row.map(Row::into_state))
    }
}

impl Tx {
    /// Notes that staff were told of the present failure; `false` when they had been told already.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn tell_once_of_failure(&mut self, name: &Slug, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE feeds SET told_at = $1 WHERE name = $2 AND told_at IS NULL")
            .bind(ms(now))
            .bind(name.as_str())
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Writes down what a look at a feed taught us, and ends its lease. The pings that the state counts are heard by it;
    /// those that came meanwhile are not.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_look(&mut self, feed: &Feed, state: &FeedState) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE feeds SET url = $1, moved_to = $2, etag = $3, last_modified = $4, baseline_at = $5,
                    checked_at = $6, failing_since = $7, failures = $8, last_error = $9, next_check_at = $10,
                    pings_heard = $11, looking_until = NULL, told_at = CASE WHEN $8 = 0 THEN NULL ELSE told_at END
             WHERE name = $12",
        )
        .bind(feed.url.as_str())
        .bind(state.moved_to.as_deref())
        .bind(state.etag.as_deref())
        .bind(state.last_modified.as_deref())
        .bind(state.baseline_at.map(ms))
        .bind(state.checked_at.map(ms))
        .bind(state.failing_since.map(ms))
        .bind(i64::from(state.failures))
        .bind(state.last_error.as_deref())
        .bind(state.next_check_at.map_or(0, ms))
        .bind(state.pings)
        .bind(feed.name.as_str())
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

impl Row {
    fn into_state(self) -> FeedState {
        FeedState {
            moved_to: self.moved_to,
            etag: self.etag,
            last_modified: self.last_modified,
            baseline_at: instant_or_none(self.baseline_at),
            checked_at: instant_or_none(self.checked_at),
            failing_since: instant_or_none(self.failing_since),
            failures: u32::try_from(self.failures).unwrap_or(0),
            last_error: self.last_error,
            next_check_at: instant_or_none(Some(self.next_check_at)),
            pings: self.pings,
            pings_heard: self.pings_heard,
        }
    }
}
