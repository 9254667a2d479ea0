//! How fresh our knowledge of a row is. Between a claim and its offer readers leave, staff stop issues, and a process
//! may sleep; so what was not looked at for a moment is looked at again before it is offered.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::clock::Clock;

/// How long a look is good for. Longer than a delivery waits while a send runs at full speed.
const FRESH: Duration = Duration::from_millis(200);

/// When a row was looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Runs on evenly, but stands still while the machine sleeps.
    at: Instant,
    /// Knows of the machine's sleep, but may be set.
    on_the_clock: Timestamp,
}

impl Seen {
    /// Looked at now, or rather just before the look began.
    pub(super) fn now(clock: &Clock) -> Self {
        Self { at: Instant::now(), on_the_clock: clock.now() }
    }

    /// False when it must be looked at again. In doubt it must.
    pub(super) fn is_fresh(self, clock: &Clock) -> bool {
        self.is_within(FRESH, clock)
    }

    /// True when neither clock has moved on by more than `limit`, in either direction.
    pub(super) fn is_within(self, limit: Duration, clock: &Clock) -> bool {
        let moved = clock.now().duration_since(self.on_the_clock).abs();
        self.at.elapsed() <= limit && SignedDuration::try_from(limit).is_ok_and(|limit| moved <= limit)
    }
}
