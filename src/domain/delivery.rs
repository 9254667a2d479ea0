//! A delivery: one mailing to one subscriber, with its state; and the rule that says what comes after an outcome.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Which deliveries go first. The order is the priority: a connection always takes the lowest number next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// One person waits for it.
    Notice,
    /// Everyone must have it now.
    Alert,
    /// It may take its time.
    Digest,
}

impl Lane {
    /// Every lane, the one that goes first first.
    pub const ALL: [Self; 3] = [Self::Notice, Self::Alert, Self::Digest];

    /// The lane's place, as stored: lower goes first.
    pub fn rank(self) -> usize {
        match self {
            Self::Notice => 0,
            Self::Alert => 1,
            Self::Digest => 2,
        }
    }

    /// The lane of that rank.
    pub fn from_rank(rank: i64) -> Option<Self> {
        usize::try_from(rank).ok().and_then(|rank| Self::ALL.get(rank).copied())
    }
}

/// A delivery's state, in Postfix's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Never tried.
    Queued,
    /// Claimed by a process that may be talking to a relay now.
    Sending,
    /// The relay took it (250). Whether a reader sees it is not ours to know.
    Sent,
    /// Refused for now; it will be tried again.
    Deferred,
    /// Refused for good.
    Bounced,
    /// No clear answer: it may have been taken. It is tried again with the same Message-ID.
    Unknown,
    /// Its time ran out.
    Expired,
    /// Given up on purpose: the reader left, is suppressed, or staff cancelled.
    Dropped,
}

impl DeliveryState {
    /// Every state, in the order in which listings show them.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Deferred,
        Self::Bounced,
        Self::Unknown,
        Self::Expired,
        Self::Dropped,
    ];

    /// The word, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Deferred => "deferred",
            Self::Bounced => "bounced",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Dropped => "dropped",
        }
    }

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// True when nothing more will happen to it by itself.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Sent | Self::Bounced | Self::Expired | Self::Dropped)
    }
}

/// A relay's reply: RFC 5321 §4.2 and, when it gave one, the enhanced code of RFC 3463.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Three digits: 200 to 599.
    pub code: u16,
    /// `(5, 1, 1)`, when the relay gave one whose class agrees with the code.
    pub enhanced: Option<(u8, u16, u16)>,
    /// The text of all lines, joined by a space, cut to 512 characters, without control characters.
    pub text: String,
}

/// What a relay said to one attempt. Each answer has a next step; see [`Attempted::after`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 250 to the end of data. The relay now owns it.
    Accepted(Reply),
    /// 4yz about this recipient or message: try again later.
    Deferred(Reply),
    /// 5yz about this recipient or message: it will not do.
    Refused(Reply),
    /// 4yz or 5yz about us: our signature, our address's standing, our domain's records. No reader is to blame, so it is
    /// tried again; when many in a row are refused so, their issue is held.
    SenderRefused(Reply),
    /// No clear answer after the end of data was sent: it may have been taken.
    Unknown(String),
    /// The relay itself is in trouble (greeting, login, 421, lost before the recipient was named): the message was not
    /// judged, and no attempt is counted.
    NotTried(String),
    /// The message cannot be offered to this relay at all: its address needs SMTPUTF8 where none is spoken, or it is too
    /// large.
    Unfit(String),
}

/// When to try again: one delay for each attempt already made, and when to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    /// `delays[n]` follows attempt `n + 1`; the last one repeats.
    pub delays: Vec<SignedDuration>,
    /// How long after queueing we give up.
    pub give_up_after: SignedDuration,
    /// How long to wait before a delivery that was not tried is offered again.
    pub relay_pause: SignedDuration,
}

impl Default for Retries {
    fn default() -> Self {
        let minutes = |m| SignedDuration::from_mins(m);
        Self {
            delays: [1, 5, 15, 30, 60, 120, 240].map(minutes).to_vec(),
            give_up_after: SignedDuration::from_hours(96),
            relay_pause: minutes(1),
        }
    }
}

/// A delivery just after an attempt: what the rule needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// Attempts counted before this one.
    pub attempts: u32,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When it is of no more use, if ever.
    pub expires_at: Option<Timestamp>,
}

/// A delivery's next state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The state.
    pub state: DeliveryState,
    /// Attempts counted by now.
    pub attempts: u32,
    /// When to try again; `None` when settled.
    pub try_at: Option<Timestamp>,
}

impl Attempted {
    /// The next state. Pure: the same delivery, outcome and time always give the same answer.
    pub fn after(&self, outcome: &Outcome, now: Timestamp, retries: &Retries) -> Next {
        let counted = self.attempts.saturating_add(1);
        match outcome {
            Outcome::Accepted(_) => Next { state: DeliveryState::Sent, attempts: counted, try_at: None },
            Outcome::Refused(_) | Outcome::Unfit(_) => {
                Next { state: DeliveryState::Bounced, attempts: counted, try_at: None }
            }
            Outcome::Deferred(_) | Outcome::SenderRefused(_) => {
                self.again(DeliveryState::Deferred, counted, now, retries)
            }
            Outcome::Unknown(_) => self.again(DeliveryState::Unknown, counted, now, retries),
            Outcome::NotTried(_) => self.put_off(now, retries.relay_pause, retries),
        }
    }

    /// The next state of a delivery that was not tried and waits for `delay`: no attempt is counted.
    pub fn put_off(&self, now: Timestamp, delay: SignedDuration, retries: &Retries) -> Next {
        let state = if self.attempts == 0 { DeliveryState::Queued } else { DeliveryState::Deferred };
        self.until(state, self.attempts, now, delay, retries)
    }

    fn again(&self, state: DeliveryState, attempts: u32, now: Timestamp, retries: &Retries) -> Next {
        let nth = (attempts as usize).saturating_sub(1);
        let delay = retries.delays.get(nth).or(retries.delays.last()).copied().unwrap_or(retries.relay_pause);
        self.until(state, attempts, now, delay, retries)
    }

    /// Try again after `delay`, unless that is past the delivery's end.
    fn until(
        &self,
        state: DeliveryState,
        attempts: u32,
        now: Timestamp,
        delay: SignedDuration,
        retries: &Retries,
    ) -> Next {
        let try_at = later(now, delay);
        let give_up = later(self.queued_at, retries.give_up_after);
        let end = self.expires_at.map_or(give_up, |expires| expires.min(give_up));
        if try_at >= end {
            return Next { state: DeliveryState::Expired, attempts, try_at: None };
        }
        Next { state, attempts, try_at: Some(try_at) }
    }
}

fn later(from: Timestamp, delay: SignedDuration) -> Timestamp {
    from.checked_add(delay).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Attempted, DeliveryState, Next, Outcome, Reply, Retries};

    fn minute(m: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + m * 60).expect("in range")
    }

    fn reply(code: u16) -> Reply {
        Reply { code, enhanced: None, text: String::new() }
    }

    /// The whole rule as a table: attempts so far, outcome, minutes since queueing → state, attempts, minutes to wait.
    #[test]
    fn each_outcome_names_the_next_state() {
        use DeliveryState::{Bounced, Deferred, Expired, Queued, Sent, Unknown};
        let taken = Outcome::Accepted(reply(250));
        let later = Outcome::Deferred(reply(451));
        let never = Outcome::Refused(reply(550));
        let lost = Outcome::Unknown("connection reset after the final dot".into());
        let relay = Outcome::NotTried("greeting 554".into());
        let unfit = Outcome::Unfit("needs SMTPUTF8".into());
        let ours = Outcome::SenderRefused(reply(550));
        let four_days = 96 * 60;
        let table = [
            (0, &taken, 0, Sent, 1, None),
            (6, &taken, 90, Sent, 7, None),
            (0, &never, 0, Bounced, 1, None),
            (0, &unfit, 0, Bounced, 1, None),
            (0, &later, 0, Deferred, 1, Some(1)),
            (1, &later, 2, Deferred, 2, Some(5)),
            (2, &later, 7, Deferred, 3, Some(15)),
            (6, &later, 300, Deferred, 7, Some(240)),
            (60, &later, 300, Deferred, 61, Some(240)),
            (0, &ours, 0, Deferred, 1, Some(1)),
            (0, &lost, 0, Unknown, 1, Some(1)),
            (1, &lost, 5, Unknown, 2, Some(5)),
            (0, &relay, 0, Queued, 0, Some(1)),
            (3, &relay, 30, Deferred, 3, Some(1)),
            (9, &later, four_days - 1, Expired, 10, None),
            (9, &lost, four_days - 1, Expired, 10, None),
            (0, &relay, four_days, Expired, 0, None),
            (9, &taken, four_days + 1, Sent, 10, None),
        ];
        for (attempts, outcome, age, state, counted, wait) in table {
            let delivery = Attempted { attempts, queued_at: minute(0), expires_at: None };
            let next = delivery.after(outcome, minute(age), &Retries::default());
            let expected = Next { state, attempts: counted, try_at: wait.map(|wait| minute(age + wait)) };
            assert_eq!(next, expected, "{attempts} attempts, {outcome:?}, after {age} minutes");
        }
    }

    #[test]
    fn an_alert_that_would_come_too_late_expires_instead() {
        let alert = Attempted { attempts: 0, queued_at: minute(0), expires_at: Some(minute(10)) };
        let later = Outcome::Deferred(reply(451));
        let retries = Retries { delays: vec![SignedDuration::from_mins(5)], ..Retries::default() };
        assert_eq!(alert.after(&later, minute(4), &retries).try_at, Some(minute(9)));
        assert_eq!(alert.after(&later, minute(5), &retries).state, DeliveryState::Expired);
        assert_eq!(alert.after(&Outcome::Accepted(reply(250)), minute(11), &retries).state, DeliveryState::Sent);
    }

    #[test]
    fn every_state_word_reads_back() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::from_word(state.as_str()), Some(state));
        }
    }
}
