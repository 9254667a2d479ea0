//! The writer of `growth`: how many readers each list has, and how it came to that day by day. Whoever changes whom a list
//! reaches says so here in the same transaction, so that the sums are exact at any moment, and nobody walks over a million
//! rows to count them. Days are those of UTC.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::{Store, StoreError, Tx, ms};
use crate::domain::{address::EmailAddress, issue::IssueKind, slug::Slug, subscription::SubscriberId};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// One day of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DayOfGrowth {
    /// The day.
    pub day: jiff::civil::Date,
    /// Subscriptions that began, or began again.
    pub joined: u64,
    /// Subscriptions that ended, or were erased.
    pub left: u64,
}

/// What a change brought a list; negative is less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) joined: i64,
    pub(super) ended: i64,
    pub(super) digests: i64,
    pub(super) alerts: i64,
}

/// What one person was counted as, on each list that they are on, before something changes.
#[derive(Debug)]
pub(super) struct Counted {
    subscriber: Option<SubscriberId>,
    lists: Lists,
}

/// By list: 1 for a digest and for an alert that they would get, else 0.
type Lists = BTreeMap<String, (i64, i64)>;

/// A sum that can only be less than nothing when rows were changed around the program.
fn count(sum: i64) -> u64 {
    u64::try_from(sum).unwrap_or(0)
}

impl Store {
    /// How many would get an issue of this kind now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_readers(&self, list: &Slug, kind: IssueKind) -> Result<u64, StoreError> {
        let (digests, alerts): (i64, i64) = sqlx::query_as(
            "SELECT CAST(COALESCE(SUM(digests), 0) AS BIGINT), CAST(COALESCE(SUM(alerts), 0) AS BIGINT)
             FROM growth WHERE list = $1",
        )
        .bind(list.as_str())
        .fetch_one(&self.reader)
        .await?;
        Ok(match kind {
            IssueKind::Digest => count(digests),
            IssueKind::Alert => count(alerts),
            // It is for no reader.
            IssueKind::Drill => 0,
        })
    }

    /// How many are on a list, whatever of it they get and whether or not they are suppressed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_active(&self, list: &Slug) -> Result<u64, StoreError> {
        let (count,): (i64,) =
            sqlx::query_as("SELECT CAST(COALESCE(SUM(joined) - SUM(ended), 0) AS BIGINT) FROM growth WHERE list = $1")
                .bind(list.as_str())
                .fetch_one(&self.reader)
                .await?;
        Ok(self::count(count))
    }

    /// How a list grew from one day to another, both included: the days on which anybody came or went, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn growth(
        &self,
        list: &Slug,
        from: jiff::civil::Date,
        to: jiff::civil::Date,
    ) -> Result<Vec<DayOfGrowth>, StoreError> {
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT day, joined, ended FROM growth
             WHERE list = $1 AND day BETWEEN $2 AND $3 AND (joined <> 0 OR ended <> 0) ORDER BY day",
        )
        .bind(list.as_str())
        .bind(number(from))
        .bind(number(to))
        .fetch_all(&self.reader)
        .await?;
        let day = |(day, joined, ended): (i64, i64, i64)| DayOfGrowth {
            day: date(day),
            joined: count(joined),
            left: count(ended),
        };
        Ok(rows.into_iter().map(day).collect())
    }
}

impl Tx {
    /// What a person is counted as, before something changes; [`Tx::count_again`] follows it.
    pub(super) async fn counted(&mut self, subscriber: SubscriberId) -> Result<Counted, StoreError> {
        // On PostgreSQL another transaction could change the same person between the two looks.
        self.one_by_one().await?;
        Ok(Counted { subscriber: Some(subscriber), lists: self.counted_on(subscriber).await? })
    }

    /// The same, of whoever has an address; nobody is counted as nothing.
    pub(super) async fn counted_by_address(&mut self, address: &EmailAddress) -> Result<Counted, StoreError> {
        self.one_by_one().await?;
        match self.subscriber_of(address).await? {
            Some(subscriber) => self.counted(subscriber).await,
            None => Ok(Counted { subscriber: None, lists: Lists::new() }),
        }
    }

    /// Counts what a change of one person came to.
    pub(super) async fn count_again(&mut self, before: Counted, now: Timestamp) -> Result<(), StoreError> {
        let Counted { subscriber: Some(subscriber), lists: before } = before else { return Ok(()) };
        let after = self.counted_on(subscriber).await?;
        let lists: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for list in lists {
            let (was, is) = (before.get(list), after.get(list));
            let (digests, alerts) = is.copied().unwrap_or_default();
            let (had_digests, had_alerts) = was.copied().unwrap_or_default();
            let change = Change {
                joined: i64::from(was.is_none()),
                ended: i64::from(is.is_none()),
                digests: digests - had_digests,
                alerts: alerts - had_alerts,
            };
            self.grow(list, change, now).await?;
        }
        Ok(())
    }

    /// Adds to what is counted of a list.
    pub(super) async fn grow(&mut self, list: &str, change: Change, now: Timestamp) -> Result<(), StoreError> {
        if change == Change::default() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO growth (list, day, joined, ended, digests, alerts) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (list, day) DO UPDATE SET joined = growth.joined + excluded.joined,
                ended = growth.ended + excluded.ended, digests = growth.digests + excluded.digests,
                alerts = growth.alerts + excluded.alerts",
        )
        .bind(list)
        .bind(ms(now).div_euclid(DAY_MS))
        .bind(change.joined)
        .bind(change.ended)
        .bind(change.digests)
        .bind(change.alerts)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// How many of these people, rows of JSON whose third element is the key of an address, are on a list and suppressed.
    pub(super) async fn count_suppressed(&mut self, list: &Slug, rows: &str) -> Result<i64, StoreError> {
        let each = self.engine.json_rows();
        let (count,): (i64,) = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT COUNT(DISTINCT u.subscriber)
             FROM {each} CROSS JOIN suppressions x CROSS JOIN subscribers s CROSS JOIN subscriptions u
             WHERE x.address_key = value->>2 AND x.list IN ('', $2) AND s.address_key = x.address_key
               AND u.list = $2 AND u.subscriber = s.id AND u.state = 'active'"
        )))
        .bind(rows)
        .bind(list.as_str())
        .fetch_one(&mut *self.inner)
        .await?;
        Ok(count)
    }

    async fn counted_on(&mut self, subscriber: SubscriberId) -> Result<Lists, StoreError> {
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "SELECT u.list, u.digests, u.alerts, CAST(CASE WHEN EXISTS (
                 SELECT 1 FROM suppressions x WHERE x.address_key = s.address_key AND x.list IN ('', u.list))
                 THEN 0 ELSE 1 END AS BIGINT)
             FROM subscriptions u JOIN subscribers s ON s.id = u.subscriber
             WHERE u.subscriber = $1 AND u.state = 'active'",
        )
        .bind(subscriber.0)
        .fetch_all(&mut *self.inner)
        .await?;
        let gets = |(list, digests, alerts, reached)| (list, (digests * reached, alerts * reached));
        Ok(rows.into_iter().map(gets).collect())
    }
}

/// A day as it is stored: days since 1970-01-01.
fn number(day: jiff::civil::Date) -> i64 {
    let midnight =
        day.to_zoned_datetime(jiff::tz::TimeZone::UTC).map_or(0, |midnight| midnight.timestamp().as_millisecond());
    midnight.div_euclid(DAY_MS)
}

fn date(day: i64) -> jiff::civil::Date {
    super::instant(day.saturating_mul(DAY_MS)).to_zoned_datetime(jiff::tz::TimeZone::UTC).date()
}
