//! How long a store that fails is tried again. Outcomes that are not written become second copies, so it is long.

use std::time::Duration;

use tokio::time::Instant;

use super::Until;

/// What a single run waits. A daemon has nothing better to do than to wait.
const OF_A_RUN: Duration = Duration::from_secs(300);

/// How long to go on trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Limited,
    Endless,
}

impl Patience {
    /// What befits work that goes on until then.
    pub(super) fn of(until: Until) -> Self {
        match until {
            Until::Idle(_) => Self::Limited,
            Until::Stopped => Self::Endless,
        }
    }

    /// True when what has failed since `began` is to be tried again.
    pub(super) fn lasts(self, began: Instant) -> bool {
        self == Self::Endless || began.elapsed() < OF_A_RUN
    }
}
