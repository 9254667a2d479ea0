//! Whether a relay that offers PIPELINING can be taken at its word. Some discard what comes behind a command, or answer
//! out of step: then the first group of commands of all ends badly, and for a while that relay is spoken to in
//! lock-step. What sessions saw comes in, the manner for the next one goes out.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{capabilities::Capabilities, trouble::Trouble};
use crate::domain::relay::Manner;

/// How long a relay that was found out is spoken to in lock-step. Long enough to cost nothing, and short enough that a
/// network's fault that looked like a lie is forgotten.
const DISTRUST: Duration = Duration::from_secs(3600);

/// What is known of one relay.
#[derive(Debug, Default)]
pub(super) struct Grouping(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// No group of commands came through yet.
    #[default]
    Unproven,
    /// It has answered groups in order.
    Proven,
    /// It was found out.
    Distrusted { until: Instant },
}

impl Grouping {
    /// How to speak to a relay that offers this, at most in the `wanted` manner.
    pub(super) fn manner(&self, wanted: Manner, offered: &Capabilities) -> Manner {
        let can = match (offered.pipelining, offered.chunking) {
            (true, true) => Manner::Chunked,
            (true, false) => Manner::Pipelined,
            (false, _) => Manner::LockStep,
        };
        let mut state = self.state();
        match *state {
            State::Distrusted { until } if Instant::now() < until => return Manner::LockStep,
            State::Distrusted { .. } => *state = State::Unproven,
            State::Unproven | State::Proven => {}
        }
        wanted.min(can)
    }

    /// A message was taken that went in a group.
    pub(super) fn worked(&self) {
        *self.state() = State::Proven;
    }

    /// A session ended while it waited for several replies: true when the relay is not trusted for that from now on. One
    /// that worked before is only distrusted for answers out of step; to be lost or late happens to any.
    pub(super) fn failed(&self, trouble: &Trouble) -> bool {
        let mut state = self.state();
        let is_found_out = match (*state, trouble) {
            (State::Distrusted { .. }, _) => false,
            (_, Trouble::Protocol(..)) => true,
            (State::Unproven, Trouble::Timeout(_) | Trouble::Lost(..)) => true,
            _ => false,
        };
        if is_found_out {
            *state = State::Distrusted { until: Instant::now() + DISTRUST };
        }
        is_found_out
    }

    /// True while the relay is spoken to in lock-step though it offers more.
    pub(super) fn is_distrusted(&self) -> bool {
        matches!(*self.state(), State::Distrusted { until } if Instant::now() < until)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use super::{Capabilities, Grouping, Manner, Trouble};
    use crate::deliver::session::{Disorder, Stage};

    fn offered(pipelining: bool, chunking: bool) -> Capabilities {
        Capabilities { pipelining, chunking, ..Capabilities::default() }
    }

    #[test]
    fn the_manner_is_the_fastest_that_is_offered_and_wanted() {
        use Manner::{Chunked, LockStep, Pipelined};
        for (pipelining, chunking, wanted, manner) in [
            (true, true, Chunked, Chunked),
            (true, true, Pipelined, Pipelined),
            (true, true, LockStep, LockStep),
            (true, false, Chunked, Pipelined),
            (false, true, Chunked, LockStep),
            (false, false, Chunked, LockStep),
        ] {
            assert_eq!(Grouping::default().manner(wanted, &offered(pipelining, chunking)), manner);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_lies_is_found_out_and_tried_again_after_an_hour() {
        let (grouping, all) = (Grouping::default(), offered(true, true));
        assert!(grouping.failed(&Trouble::Timeout(Stage::Rcpt)));
        assert!(!grouping.failed(&Trouble::Timeout(Stage::Rcpt)), "that is known already");
        assert!(grouping.is_distrusted());
        assert_eq!(grouping.manner(Manner::Chunked, &all), Manner::LockStep);
        tokio::time::advance(Duration::from_secs(3601)).await;
        assert_eq!(grouping.manner(Manner::Chunked, &all), Manner::Chunked);
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_has_worked_may_be_late_or_lost_but_not_out_of_step() {
        let grouping = Grouping::default();
        grouping.worked();
        assert!(!grouping.failed(&Trouble::Timeout(Stage::Dot)));
        assert!(!grouping.failed(&Trouble::Lost(Stage::Dot, io::ErrorKind::UnexpectedEof.into())));
        assert!(grouping.failed(&Trouble::Protocol(Stage::Dot, Disorder::Unasked)));
    }
}
