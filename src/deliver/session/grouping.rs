//! How far a relay that offers PIPELINING and CHUNKING can be taken at its word. Some discard what comes behind a
//! command, or answer out of step: then the first group of commands of all ends badly, and for a while that relay is
//! spoken to in lock-step. Others hang up in the middle of a window, and take their last answers with them: then fewer
//! messages are put at risk for a while. What sessions saw comes in, the manner for the next one goes out.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{capabilities::Capabilities, trouble::Trouble};
use crate::domain::relay::Manner;

/// How long a relay is spoken to more slowly than it offers. Long enough to cost nothing, and short enough that a
/// network's fault that looked like the relay's is forgotten.
const FOR_A_WHILE: Duration = Duration::from_secs(3600);

/// What is known of one relay.
#[derive(Debug, Default)]
pub(super) struct Grouping(Mutex<State>);

/// What the end of a session says of its relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or nothing new.
    Nothing,
    /// It hangs up in the middle of a window.
    Risk,
    /// It does not keep to the PIPELINING that it offers.
    ALie,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// It has answered a group of commands in order.
    is_proven: bool,
    /// At most this manner, until then.
    limit: Option<(Manner, Instant)>,
}

impl Grouping {
    /// How to speak to a relay that offers this, at most in the `wanted` manner.
    pub(super) fn manner(&self, wanted: Manner, offered: &Capabilities) -> Manner {
        let can = match (offered.pipelining, offered.chunking) {
            (true, true) => Manner::Chunked,
            (true, false) => Manner::Pipelined,
            (false, _) => Manner::LockStep,
        };
        wanted.min(can).min(self.limit())
    }

    /// A message was taken that went in a group.
    pub(super) fn worked(&self) {
        self.state().is_proven = true;
    }

    /// A session ended while it waited for several replies: what that says of the relay, if it is new. To be lost or late happens to any relay that has worked before,
    /// but answers out of step do not.
    pub(super) fn failed(&self, manner: Manner, trouble: &Trouble) -> Found {
        let limit = match (trouble, self.state().is_proven) {
            (Trouble::Protocol(..), _) | (Trouble::Timeout(_) | Trouble::Lost(..), false) => Manner::LockStep,
            (Trouble::Timeout(_) | Trouble::Lost(..), true) if manner == Manner::Chunked => Manner::Pipelined,
            _ => return Found::Nothing,
        };
        if limit >= self.limit() {
            return Found::Nothing;
        }
        tracing::warn!("the relay is spoken to more slowly for an hour: {trouble}");
        self.state().limit = Some((limit, Instant::now() + FOR_A_WHILE));
        if limit == Manner::LockStep { Found::ALie } else { Found::Risk }
    }

    fn limit(&self) -> Manner {
        let limit = self.state().limit.filter(|(_, until)| Instant::now() < *until);
        limit.map_or(Manner::Chunked, |(manner, _)| manner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use super::{Capabilities, Found, Grouping, Manner, Trouble};
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

    fn lost() -> Trouble {
        Trouble::Lost(Stage::Dot, io::ErrorKind::UnexpectedEof.into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_lies_is_found_out_and_tried_again_after_an_hour() {
        let (grouping, all) = (Grouping::default(), offered(true, true));
        assert_eq!(grouping.failed(Manner::Pipelined, &Trouble::Timeout(Stage::Rcpt)), Found::ALie);
        assert_eq!(grouping.failed(Manner::Pipelined, &Trouble::Timeout(Stage::Rcpt)), Found::Nothing, "that is known");
        assert_eq!(grouping.manner(Manner::Chunked, &all), Manner::LockStep);
        tokio::time::advance(Duration::from_secs(3601)).await;
        assert_eq!(grouping.manner(Manner::Chunked, &all), Manner::Chunked);
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_has_worked_may_be_late_or_lost_but_not_out_of_step() {
        let (grouping, all) = (Grouping::default(), offered(true, true));
        grouping.worked();
        assert_eq!(grouping.failed(Manner::Pipelined, &Trouble::Timeout(Stage::Dot)), Found::Nothing);
        assert_eq!(grouping.failed(Manner::Pipelined, &lost()), Found::Nothing);
        assert_eq!(grouping.manner(Manner::Chunked, &all), Manner::Chunked);
        let out_of_step = Trouble::Protocol(Stage::Dot, Disorder::Unasked);
        assert_eq!(grouping.failed(Manner::Pipelined, &out_of_step), Found::ALie);
        assert_eq!(grouping.manner(Manner::Chunked, &all), Manner::LockStep);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_up_in_the_middle_of_a_window_is_given_no_window_for_a_while() {
        let (grouping, all) = (Grouping::default(), offered(true, true));
        grouping.worked();
        assert_eq!(grouping.failed(Manner::Chunked, &lost()), Found::Risk);
        assert_eq!(grouping.manner(Manner::Chunked, &all), Manner::Pipelined);
    }
}
