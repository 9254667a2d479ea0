//! The writer of `relay_minutes`: what each relay did, minute by minute, so that a page can say how fast it goes without
//! counting deliveries. It says nothing of anybody's mail, and is forgotten after a day.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Store, StoreError, deliveries::Recorded, engine::Engine, instant, ms};
use crate::domain::{delivery::DeliveryState, slug::Slug};

const MINUTE: i64 = 60_000;

/// How long minutes are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What a relay did in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayWork {
    /// Messages that it took.
    pub sent: u64,
    /// Messages that it refused, for now or for good.
    pub refused: u64,
    /// Messages of which it gave no clear answer.
    pub unclear: u64,
    /// The beginning of the last minute in which it took one.
    pub last_sent_at: Option<Timestamp>,
}

/// The statement that counts outcomes, in their transaction: the rows of [`minutes_of`] in the JSON array bound as `$1`.
/// What is written down twice, because it was not heard that it was written, is counted twice.
pub(super) fn count_minutes(engine: &Engine) -> String {
    let each = engine.json_rows();
    // SQLite would take ON CONFLICT for a part of the join without a WHERE.
    format!(
        "INSERT INTO relay_minutes (relay, minute, sent, refused, unclear)
         SELECT value->>0, CAST(value->>1 AS BIGINT), CAST(value->>2 AS BIGINT), CAST(value->>3 AS BIGINT),
                CAST(value->>4 AS BIGINT) FROM {each} WHERE 1 = 1
         ON CONFLICT (relay, minute) DO UPDATE SET sent = relay_minutes.sent + excluded.sent,
                refused = relay_minutes.refused + excluded.refused, unclear = relay_minutes.unclear + excluded.unclear"
    )
}

/// What these outcomes say of their relays: relay, minute, and how many were sent, refused and unclear.
pub(super) fn minutes_of(outcomes: &[Recorded], now: Timestamp) -> Vec<(&str, i64, u64, u64, u64)> {
    let mut counts: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for outcome in outcomes {
        let (sent, refused, unclear) = counts.entry(outcome.relay.as_str()).or_default();
        match (outcome.next.state, outcome.code) {
            (DeliveryState::Sent, _) => *sent += 1,
            (DeliveryState::Unknown, _) => *unclear += 1,
            // Without a code the relay was not asked, or said nothing of this message.
            (_, Some(_)) => *refused += 1,
            (_, None) => {}
        }
    }
    // In the order of their names, so that two processes lock rows in the same order.
    let counts = counts.into_iter().filter(|(_, count)| *count != (0, 0, 0));
    counts.map(|(relay, (sent, refused, unclear))| (relay, minute(now), sent, refused, unclear)).collect()
}

fn minute(at: Timestamp) -> i64 {
    ms(at).div_euclid(MINUTE)
}

impl Store {
    /// What a relay did in the present minute and so many before it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn relay_work(&self, relay: &Slug, minutes: i64, now: Timestamp) -> Result<RelayWork, StoreError> {
        let (sent, refused, unclear, last): (i64, i64, i64, Option<i64>) = sqlx::query_as(
            "SELECT CAST(COALESCE(SUM(sent), 0) AS BIGINT), CAST(COALESCE(SUM(refused), 0) AS BIGINT),
                    CAST(COALESCE(SUM(unclear), 0) AS BIGINT), MAX(CASE WHEN sent > 0 THEN minute END)
             FROM relay_minutes WHERE relay = $1 AND minute >= $2",
        )
        .bind(relay.as_str())
        .bind(minute(now) - minutes)
        .fetch_one(&self.reader)
        .await?;
        Ok(RelayWork {
            sent: sent.unsigned_abs(),
            refused: refused.unsigned_abs(),
            unclear: unclear.unsigned_abs(),
            last_sent_at: last.map(|last| instant(last.saturating_mul(MINUTE))),
        })
    }

    /// Forgets what relays did more than a day ago.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_relay_minutes(&self, now: Timestamp) -> Result<(), StoreError> {
        let before = minute(now.checked_sub(KEPT).unwrap_or(Timestamp::MIN));
        // Looked for first: to write each minute for nothing would keep the disk awake.
        let old: Option<(i64,)> = sqlx::query_as("SELECT minute FROM relay_minutes WHERE minute < $1 LIMIT 1")
            .bind(before)
            .fetch_optional(&self.reader)
            .await?;
        if old.is_some() {
            self.writer.execute(sqlx::query("DELETE FROM relay_minutes WHERE minute < $1").bind(before)).await?;
        }
        Ok(())
    }
}
