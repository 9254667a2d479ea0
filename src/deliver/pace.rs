//! Pace: no more messages than a rate allows, spaced evenly, with a little room for those that come late. It gives
//! leave for a message or says when to ask again; it never waits itself.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::domain::{delivery::Lane, rate::Rate};

/// How much of a rate may be made up for at once after a lull: timers are not exact, and rows come in batches.
const SLACK: Duration = Duration::from_millis(200);

/// The pace of one relay or of one group of domains.
#[derive(Debug)]
pub(super) struct Pace {
    spacing: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// When the next message goes if they go evenly.
    next: Instant,
    /// The last time that was promised to one that had to wait, by lane: nobody waits behind a later lane.
    promised: [Instant; 3],
}

/// Leave for one message. What is not used is given back.
#[derive(Debug)]
pub(super) struct Leave(Option<Arc<Pace>>);

impl Leave {
    /// The message goes.
    pub(super) fn used(&mut self) {
        self.0 = None;
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(pace) = &self.0 {
            pace.give_back();
        }
    }
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        let now = Instant::now();
        Self { spacing: rate.spacing(), state: Mutex::new(State { next: now, promised: [now; 3] }) }
    }

    /// Leave for one message now; or when to ask again.
    pub(super) fn leave(self: &Arc<Self>) -> Result<Leave, Instant> {
        let (mut state, now) = (self.state(), Instant::now());
        if state.next > now {
            return Err(state.next);
        }
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        state.next = state.next.max(earliest) + self.spacing;
        Ok(Leave(Some(Arc::clone(self))))
    }

    /// Leave for one message of a lane now; or how long it should wait: each that waits is given a later time than the one
    /// before it in its lane, but none more than `at_most` away.
    pub(super) fn leave_or_wait(self: &Arc<Self>, lane: Lane, at_most: Duration) -> Result<Leave, Duration> {
        let next = match self.leave() {
            Ok(leave) => return Ok(leave),
            Err(next) => next,
        };
        let (mut state, now) = (self.state(), Instant::now());
        let promised = &mut state.promised[lane.rank()];
        *promised = (*promised + self.spacing).max(next).min(now + at_most);
        Err(*promised - now)
    }

    fn give_back(&self) {
        let mut state = self.state();
        state.next = state.next.checked_sub(self.spacing).unwrap_or(state.next);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::time::{Instant, sleep, sleep_until};

    use super::{Lane, Pace, Rate};

    fn pace(rate: &str) -> Arc<Pace> {
        Arc::new(Pace::new(Rate::parse(rate).expect("a rate")))
    }

    /// Takes a leave and uses it.
    fn goes(pace: &Arc<Pace>) -> Result<(), Instant> {
        pace.leave().map(|mut leave| leave.used())
    }

    #[tokio::test(start_paused = true)]
    async fn messages_go_no_faster_than_the_rate() {
        let (pace, began) = (pace("100/m"), Instant::now());
        for _ in 0..101 {
            while let Err(until) = goes(&pace) {
                sleep_until(until).await;
            }
        }
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lull_is_not_made_up_for() {
        let pace = pace("10/s");
        sleep(Duration::from_secs(60)).await;
        let at_once = (0..).take_while(|_| goes(&pace).is_ok()).count();
        assert_eq!(at_once, 3, "no more than those of the last moment");
    }

    #[tokio::test(start_paused = true)]
    async fn a_leave_that_is_not_used_is_the_next_ones() {
        let pace = pace("1/m");
        let leave = pace.leave().expect("the first may go");
        assert!(goes(&pace).is_err());
        drop(leave);
        assert!(goes(&pace).is_ok());
        assert!(goes(&pace).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_are_given_times_one_after_the_other_and_not_behind_a_later_lane() {
        let pace = pace("1/m");
        assert!(goes(&pace).is_ok());
        let wait = |lane| pace.leave_or_wait(lane, Duration::from_secs(600)).map(drop).expect_err("it waits");
        let waits: Vec<_> = (0..12).map(|_| wait(Lane::Digest)).collect();
        assert_eq!(waits[..3], [60, 120, 180].map(Duration::from_secs));
        assert_eq!(waits[11], Duration::from_secs(600));
        assert_eq!(wait(Lane::Alert), Duration::from_secs(60));
        assert_eq!(wait(Lane::Notice), Duration::from_secs(60));
    }
}
