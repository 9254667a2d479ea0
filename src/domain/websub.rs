//! WebSub (W3C Recommendation of 23 January 2018): a hub tells us when a feed has news, so that we need not wait for our
//! next look. What a feed offers and what we have agreed on with its hub, as plain values. No talking happens here.

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::slug::Slug;

/// How long a lease we ask for, in seconds: ten days, which most hubs give.
pub const LEASE: i64 = 10 * 86_400;

/// The shortest and the longest lease that we believe a hub, in seconds.
const SHORTEST: i64 = 60;
const LONGEST: i64 = 90 * 86_400;

/// How long we wait between tries to agree with a hub, in minutes; the last one repeats.
const WAITS: [i64; 6] = [10, 30, 60, 180, 720, 1440];

/// Whether a feed's hub, if it has one, is to tell us of its news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Websub {
    /// It is not asked.
    Off,
    /// It is asked.
    On,
}

/// What a feed offers: a hub, and the name by which that hub knows the feed (§4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Where the hub is; http or https.
    pub hub: Url,
    /// The feed's own address, as it says itself.
    pub topic: Url,
}

/// A watch's number in the store, which stands in its callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId(pub i64);

/// What we ask of a hub, or have asked (§5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To tell us.
    Subscribe,
    /// To tell us no more.
    Unsubscribe,
}

/// A watch: one hub that tells us of one feed, or is to, or is to no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Its number.
    pub id: WatchId,
    /// The feed.
    pub feed: Slug,
    /// See [`Offer::hub`].
    pub hub: String,
    /// See [`Offer::topic`]: compared to the letter with what the hub says.
    pub topic: String,
    /// What we want of the hub.
    pub wish: Mode,
    /// What we have asked and the hub has not verified yet.
    pub asked: Option<Mode>,
    /// Until when the hub tells us; `None` when it does not.
    pub lease_until: Option<Timestamp>,
    /// How many times in a row we have asked without its coming to anything.
    pub failures: u32,
}

impl Mode {
    /// The word, as stored and as the protocol has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    /// The mode of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Subscribe, Self::Unsubscribe].into_iter().find(|mode| mode.as_str() == word)
    }
}

/// How long to wait before we ask again when `failures` tries have come to nothing.
pub fn wait_after(failures: u32) -> SignedDuration {
    let nth = usize::try_from(failures).unwrap_or(usize::MAX).clamp(1, WAITS.len());
    SignedDuration::from_mins(WAITS[nth - 1])
}

/// From a lease in seconds as the hub gives it (what we asked for, when it says nothing): when it ends, and when we ask
/// for the next one, so early that there is time for several tries.
pub fn lease(seconds: Option<i64>, now: Timestamp) -> (Timestamp, Timestamp) {
    let seconds = seconds.unwrap_or(LEASE).clamp(SHORTEST, LONGEST);
    let after = |seconds| now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    (after(seconds), after(seconds - seconds / 3))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Mode, lease, wait_after};

    #[test]
    fn a_lease_is_renewed_when_a_third_of_it_is_left_whatever_the_hub_says() {
        let now = Timestamp::UNIX_EPOCH;
        let spans = |seconds| {
            let (ends, renewed) = lease(seconds, now);
            (ends.as_second(), renewed.as_second())
        };
        assert_eq!(spans(None), (864_000, 576_000));
        assert_eq!(spans(Some(300)), (300, 200));
        for absurd in [0, -1, i64::MIN] {
            assert_eq!(spans(Some(absurd)), (60, 40));
        }
        assert_eq!(spans(Some(i64::MAX)), (7_776_000, 5_184_000));
    }

    #[test]
    fn a_hub_that_does_not_answer_is_asked_less_and_less_often() {
        let minutes: Vec<i64> = [0, 1, 2, 5, 6, 7, u32::MAX].map(|failures| wait_after(failures).as_mins()).to_vec();
        assert_eq!(minutes, [10, 10, 30, 720, 1440, 1440, 1440]);
    }

    #[test]
    fn each_mode_is_read_back_from_its_word() {
        for mode in [Mode::Subscribe, Mode::Unsubscribe] {
            assert_eq!(Mode::from_word(mode.as_str()), Some(mode));
        }
        assert_eq!(Mode::from_word("denied"), None);
    }
}
