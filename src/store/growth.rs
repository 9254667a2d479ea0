//! How a list grows: who is on it, and how many joined and left on each day. It only reads.

use std::collections::BTreeMap;

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::{Offset, TimeZone},
};

use super::{Store, StoreError, instant, ms};
use crate::domain::slug::Slug;

const DAY: i64 = 86_400_000;

/// What happened to a list on one day, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOfGrowth {
    /// The day.
    pub day: Date,
    /// How many subscriptions began on it.
    pub joined: u64,
    /// How many ended on it.
    pub left: u64,
}

impl Store {
    /// How many subscriptions to a list are active, whatever they want of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_active(&self, list: &Slug) -> Result<u64, StoreError> {
        let (count,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM subscriptions WHERE list = $1 AND state = 'active'")
                .bind(list.as_str())
                .fetch_one(&self.reader)
                .await?;
        Ok(count.unsigned_abs())
    }

    /// How many joined and left a list on each day from one to another, both included; days on which nobody did are not
    /// among them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn growth(&self, list: &Slug, from: Date, to: Date) -> Result<Vec<DayOfGrowth>, StoreError> {
        let (from, until) = (start(from), start(to.tomorrow().unwrap_or(Date::MAX)));
        let mut days: BTreeMap<Date, (u64, u64)> = BTreeMap::new();
        let began = "SELECT began_at / 86400000, COUNT(*) FROM subscriptions
             WHERE list = $1 AND began_at >= $2 AND began_at < $3 GROUP BY 1";
        let ended = "SELECT ended_at / 86400000, COUNT(*) FROM subscriptions
             WHERE list = $1 AND ended_at >= $2 AND ended_at < $3 GROUP BY 1";
        for (sql, is_joining) in [(began, true), (ended, false)] {
            let rows: Vec<(i64, i64)> =
                sqlx::query_as(sql).bind(list.as_str()).bind(ms(from)).bind(ms(until)).fetch_all(&self.reader).await?;
            for (day, count) in rows {
                let day = Offset::UTC.to_datetime(instant(day.saturating_mul(DAY))).date();
                let (joined, left) = days.entry(day).or_default();
                *(if is_joining { joined } else { left }) += count.unsigned_abs();
            }
        }
        Ok(days.into_iter().map(|(day, (joined, left))| DayOfGrowth { day, joined, left }).collect())
    }
}

fn start(day: Date) -> Timestamp {
    TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).unwrap_or(Timestamp::MAX)
}
