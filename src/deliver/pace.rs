//! Pace: no more messages than a rate allows, spaced evenly, with a little room for those that come late. It gives
//! leave for a message or says when to ask again; it never waits itself.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::domain::rate::Rate;

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
    /// The last time that was promised to one that had to wait.
    promised: Instant,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        let now = Instant::now();
        Self { spacing: rate.spacing(), state: Mutex::new(State { next: now, promised: now }) }
    }

    /// Leave for one message now; or when to ask again.
    pub(super) fn leave(&self) -> Result<(), Instant> {
        let (mut state, now) = (self.state(), Instant::now());
        if state.next > now {
            return Err(state.next);
        }
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        state.next = state.next.max(earliest) + self.spacing;
        Ok(())
    }

    /// Gives back a leave that was not used.
    pub(super) fn give_back(&self) {
        let mut state = self.state();
        state.next = state.next.checked_sub(self.spacing).unwrap_or(state.next);
    }

    /// Leave for one message now; or how long it should wait: each that waits is given a later time than the one before,
    /// but none more than `at_most` away.
    pub(super) fn leave_or_wait(&self, at_most: Duration) -> Result<(), Duration> {
        let Err(next) = self.leave() else { return Ok(()) };
        let (mut state, now) = (self.state(), Instant::now());
        state.promised = (state.promised + self.spacing).max(next);
        if state.promised > now + at_most {
            state.promised = now + at_most;
        }
        Err(state.promised - now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep, sleep_until};

    use super::{Pace, Rate};

    fn pace(rate: &str) -> Pace {
        Pace::new(Rate::parse(rate).expect("a rate"))
    }

    #[tokio::test(start_paused = true)]
    async fn messages_go_no_faster_than_the_rate() {
        let (pace, began) = (pace("100/m"), Instant::now());
        for _ in 0..101 {
            while let Err(until) = pace.leave() {
                sleep_until(until).await;
            }
        }
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lull_is_not_made_up_for() {
        let pace = pace("10/s");
        sleep(Duration::from_secs(60)).await;
        let at_once = (0..).take_while(|_| pace.leave().is_ok()).count();
        assert_eq!(at_once, 3, "no more than those of the last moment");
    }

    #[tokio::test(start_paused = true)]
    async fn a_leave_that_is_given_back_is_the_next_ones() {
        let pace = pace("1/m");
        assert!(pace.leave().is_ok());
        assert!(pace.leave().is_err());
        pace.give_back();
        assert!(pace.leave().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_are_given_times_one_after_the_other() {
        let pace = pace("1/m");
        assert!(pace.leave_or_wait(Duration::from_secs(600)).is_ok());
        let waits: Vec<_> =
            (0..12).map(|_| pace.leave_or_wait(Duration::from_secs(600)).expect_err("it waits")).collect();
        assert_eq!(waits[..3], [60, 120, 180].map(Duration::from_secs));
        assert_eq!(waits[11], Duration::from_secs(600));
    }
}
