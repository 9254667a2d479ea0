//! The gate before a relay: shut for a while when the relay itself is in trouble, longer each time, open again by
//! itself. No delivery pays for a relay's trouble with one of its attempts.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Whether a relay may be talked to now, and whether it is well.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    /// Wakes the connections of relays that stand by for this one.
    shut: Notify,
    /// One place, for the connection that tries a relay which was in trouble.
    trial: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { state: Mutex::default(), shut: Notify::new(), trial: Arc::new(Semaphore::new(1)) }
    }
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    shut: Option<Shut>,
    opening: usize,
    open: usize,
}

#[derive(Clone, Copy, Debug)]
struct Shut {
    until: Instant,
    why: Why,
}

/// What a gate is shut for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// No session could be opened, and none is open.
    Unreachable,
    /// It would not work in a session.
    Unwilling,
}

/// What is to be done when a session could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The relay is in trouble.
    Relay,
    /// Others have a session open: the relay takes no more at once, most often.
    ThisConnection,
}

/// Counts a session that is open or being opened.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    is_open: bool,
}

impl Gate {
    /// When it opens; `None` when it is open.
    pub(super) fn shut_until(&self) -> Option<Instant> {
        self.state().shut.map(|shut| shut.until).filter(|until| *until > Instant::now())
    }

    /// True from the relay's first failure until it has worked again.
    pub(super) fn is_in_trouble(&self) -> bool {
        self.state().failures > 0
    }

    /// Waits until the relay is in trouble.
    pub(super) async fn in_trouble(&self) {
        loop {
            let shut = self.shut.notified();
            tokio::pin!(shut);
            shut.as_mut().enable();
            if self.is_in_trouble() {
                return;
            }
            shut.await;
        }
    }

    /// Waits for the right to try a relay that was in trouble. It is given to one connection at a time, so that no more
    /// than one message is spent on finding out whether the relay works again.
    pub(super) async fn trial(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.trial).acquire_owned().await.expect("the trial is never closed")
    }

    /// True while a session is being opened: the relay may yet turn out to be well.
    pub(super) fn is_being_tried(&self) -> bool {
        self.state().opening > 0
    }

    /// A session is about to be opened.
    pub(super) fn opening(self: &Arc<Self>) -> Place {
        self.state().opening += 1;
        Place { gate: Arc::clone(self), is_open: false }
    }

    /// Shuts it after trouble. Connections that fail together count as one failure.
    pub(super) fn shut(&self, why: Why) {
        let mut state = self.state();
        let now = Instant::now();
        if state.shut.is_some_and(|shut| shut.until > now) {
            return;
        }
        state.shut = Some(Shut { until: now + pause(state.failures), why });
        state.failures += 1;
        drop(state);
        self.shut.notify_waiters();
    }

    /// A message was judged: the next trouble is a first one again. A message that was under way when the gate was shut
    /// does not open it; then it is `false`, and the relay is still in trouble.
    pub(super) fn well(&self) -> bool {
        let mut state = self.state();
        let is_open = state.shut.is_none_or(|shut| shut.until <= Instant::now());
        if is_open {
            state.failures = 0;
            state.shut = None;
        }
        is_open
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The session is open: the relay can be reached after all.
    pub(super) fn opened(&mut self) {
        let mut state = self.gate.state();
        state.opening -= 1;
        state.open += 1;
        state.shut = state.shut.filter(|shut| shut.why != Why::Unreachable);
        self.is_open = true;
    }

    /// The session could not be opened: whose fault it is.
    pub(super) fn failed(self) -> Blame {
        if self.gate.state().open > 0 { Blame::ThisConnection } else { Blame::Relay }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        let counted = if self.is_open { &mut state.open } else { &mut state.opening };
        *counted -= 1;
    }
}

/// How long to leave alone what has failed so often in a row before.
pub(super) fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::time::{Instant, sleep_until};

    use super::{Blame, Gate, Why};

    fn left(gate: &Gate) -> u64 {
        gate.shut_until().map_or(0, |until| (until - Instant::now()).as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_in_trouble_is_left_alone_for_longer_each_time() {
        let gate = Gate::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            gate.shut(Why::Unreachable);
            gate.shut(Why::Unreachable);
            pauses.push(left(&gate));
            sleep_until(gate.shut_until().expect("it is shut")).await;
            assert!(gate.shut_until().is_none(), "it opens by itself");
            assert!(gate.is_in_trouble(), "and is not trusted before it has worked");
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        gate.well();
        assert!(!gate.is_in_trouble());
        gate.shut(Why::Unwilling);
        assert_eq!(left(&gate), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_was_under_way_does_not_open_a_gate_that_was_shut_meanwhile() {
        let gate = Gate::default();
        gate.shut(Why::Unwilling);
        gate.well();
        assert_eq!(left(&gate), 5);
        tokio::time::sleep(Duration::from_secs(5)).await;
        gate.shut(Why::Unwilling);
        assert_eq!(left(&gate), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn one_open_session_shows_that_the_relay_can_be_reached() {
        let gate = Arc::new(Gate::default());
        let (mut first, second) = (gate.opening(), gate.opening());
        assert_eq!(gate.opening().failed(), Blame::Relay);
        gate.shut(Why::Unreachable);
        assert!(gate.is_being_tried());
        first.opened();
        assert_eq!(left(&gate), 0);
        assert_eq!(second.failed(), Blame::ThisConnection);
        assert!(!gate.is_being_tried());
        gate.shut(Why::Unwilling);
        gate.opening().opened();
        assert_eq!(left(&gate), 10, "to be reached is not to be willing");
        drop(first);
        assert_eq!(gate.opening().failed(), Blame::Relay);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stands_by_is_woken() {
        let gate = Gate::default();
        let waiting = gate.in_trouble();
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut waiting).await.is_err());
        gate.shut(Why::Unreachable);
        waiting.await;
    }
}
