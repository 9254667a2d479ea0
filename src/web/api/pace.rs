//! How fast each token may ask: evenly, with room for a burst. It gives leave or says how long to wait; it holds no more
//! than an instant for each token, and forgets it with the process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::domain::{access::AccessTokenId, rate::Rate};

/// So many requests may come at once.
const BURST: i32 = 60;

/// What each token has used up: the instant at which all of it will have been made up for (GCRA).
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<HashMap<AccessTokenId, Timestamp>>);

impl Paces {
    /// Leave for one request now, or how long to wait.
    pub(super) fn leave(&self, token: AccessTokenId, rate: Rate, now: Timestamp) -> Result<(), SignedDuration> {
        let spacing = SignedDuration::try_from(rate.spacing()).unwrap_or(SignedDuration::MAX);
        let room = spacing.checked_mul(BURST - 1).unwrap_or(SignedDuration::MAX);
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made_up = paces.entry(token).or_insert(now);
        let due = (*made_up).max(now);
        let ahead = due.duration_since(now);
        if ahead > room {
            return Err(ahead - room);
        }
        *made_up = due.checked_add(spacing).unwrap_or(Timestamp::MAX);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{BURST, Paces};
    use crate::domain::{access::AccessTokenId, rate::Rate};

    #[test]
    fn a_burst_goes_then_an_even_pace_and_each_token_has_its_own() {
        let (paces, rate) = (Paces::default(), Rate::parse("60/m").expect("a rate"));
        let mut now = Timestamp::UNIX_EPOCH;
        let leave = |token, now| paces.leave(AccessTokenId(token), rate, now);
        for _ in 0..BURST {
            assert_eq!(leave(1, now), Ok(()));
        }
        assert_eq!(leave(1, now), Err(SignedDuration::from_secs(1)));
        assert_eq!(leave(2, now), Ok(()));
        now += SignedDuration::from_secs(1);
        assert_eq!(leave(1, now), Ok(()));
        assert!(leave(1, now).is_err());
        now += SignedDuration::from_hours(1);
        for _ in 0..BURST {
            assert_eq!(leave(1, now), Ok(()), "a lull is made up for, but not more than a burst");
        }
        assert!(leave(1, now).is_err());
    }
}
