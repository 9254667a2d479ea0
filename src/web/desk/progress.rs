//! How far an issue is: a bar, numbers, pace, and the time until it goes. How it stands comes in; the same part of a page goes
//! out, be it drawn with the whole page or by itself. It only reads.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::pages::{DeskPage, Word};
use crate::{
    app::App,
    domain::{
        delivery::DeliveryState,
        number::{counted, grouped},
        span,
    },
    newsroom::{Deciding, Stands},
    store::{StoreError, deliveries::Fared},
    web::standing::{heading, sentence},
};

/// The pace of fewer seconds than these is chance.
const SOON: u64 = 5;

/// How many deliveries of an issue came to what, as staff think of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tallied {
    pub(super) sent: u64,
    pub(super) refused: u64,
    waiting: u64,
    unknown: u64,
    /// Expired, or dropped on purpose.
    left_out: u64,
}

/// The part of the page, drawn by itself.
#[derive(Serialize)]
pub(super) struct Part {
    pub(super) progress: Progress,
}

/// How far it is.
#[derive(Serialize)]
pub(super) struct Progress {
    heading: String,
    /// Until it goes, as a clock shows it; empty when that is not to come.
    countdown: String,
    sentence: String,
    counts: Vec<Count>,
    /// The bar in words.
    words: String,
    /// How fast it goes, and for how long still; may be empty.
    pace: String,
}

/// One part of the bar.
#[derive(Serialize)]
struct Count {
    name: &'static str,
    /// Its look, which is told in the style sheet.
    look: &'static str,
    count: String,
    /// Of all, with two digits behind the point.
    percent: String,
}

impl DeskPage for Part {
    const TEMPLATE: &'static str = "desk/progress.html";
    const WORD: Word = Word::Issues;
}

impl Tallied {
    pub(super) fn of(states: &BTreeMap<DeliveryState, u64>) -> Self {
        let mut tallied = Self::default();
        for (state, count) in states {
            *match state {
                DeliveryState::Sent => &mut tallied.sent,
                DeliveryState::Bounced => &mut tallied.refused,
                DeliveryState::Queued | DeliveryState::Sending | DeliveryState::Deferred => &mut tallied.waiting,
                DeliveryState::Unknown => &mut tallied.unknown,
                DeliveryState::Expired | DeliveryState::Dropped => &mut tallied.left_out,
            } += count;
        }
        tallied
    }

    pub(super) fn all(&self) -> u64 {
        self.sent + self.refused + self.left_out + self.open()
    }

    /// How many are not settled: they wait, or will be tried again.
    pub(super) fn open(&self) -> u64 {
        self.waiting + self.unknown
    }
}

/// True while it changes by itself, so that it is worth watching.
pub(super) fn moves(stands: Stands) -> bool {
    matches!(stands, Stands::GoesAt(_) | Stands::BeingSent)
}

impl Progress {
    /// How far it is now.
    pub(super) async fn of(app: &App, deciding: &Deciding) -> Result<Self, StoreError> {
        let (now, tallied) = (app.clock.now(), Tallied::of(&deciding.states));
        let pace = match deciding.stands {
            Stands::BeingSent => pace(&tallied, app.store.fared(deciding.issue.id).await?, now),
            _ => String::new(),
        };
        let counts = counts(&tallied);
        let words: Vec<String> = counts.iter().map(|count| format!("{} {}", count.name, count.count)).collect();
        Ok(Self {
            heading: format!("{} {}", deciding.issue.kind.with_article(), heading(deciding.stands)),
            countdown: match deciding.stands {
                Stands::GoesAt(at) => clock(at.duration_since(now)),
                _ => String::new(),
            },
            sentence: sentence(deciding),
            words: words.join(", "),
            counts,
            pace,
        })
    }
}

/// The parts of the bar; none while there are no deliveries.
fn counts(tallied: &Tallied) -> Vec<Count> {
    let all = tallied.all();
    let count = |(name, look, count): (&'static str, &'static str, u64)| {
        #[expect(clippy::cast_precision_loss, reason = "it is how long a bar is")]
        let percent = count as f64 * 100.0 / all as f64;
        Count { name, look, count: grouped(count), percent: format!("{percent:.2}") }
    };
    let counts = [
        ("sent", "sent", tallied.sent),
        ("waiting", "waiting", tallied.waiting),
        ("refused", "refused", tallied.refused),
        ("unknown", "unknown", tallied.unknown),
        ("left out", "left-out", tallied.left_out),
    ];
    // Of a bar's first four parts a nought is an answer too.
    let counts = counts.into_iter().filter(|(name, _, count)| all > 0 && (*name != "left out" || *count > 0));
    counts.map(count).collect()
}

/// How fast it goes since the first was sent, and how long it will take at that.
fn pace(tallied: &Tallied, fared: Fared, now: Timestamp) -> String {
    let Some(first) = fared.first_sent_at else { return "None was sent yet.".to_owned() };
    let seconds = now.duration_since(first).as_secs().max(0).unsigned_abs();
    if seconds < SOON {
        return String::new();
    }
    let (a_second, a_minute) = (tallied.sent / seconds, tallied.sent * 60 / seconds);
    let rate = match (a_second, a_minute) {
        (2.., _) => format!("{} a second", counted(a_second, "message")),
        (_, 1..) => format!("{} a minute", counted(a_minute, "message")),
        _ => return String::new(),
    };
    let left = SignedDuration::from_secs(i64::try_from(tallied.open() * 60 / a_minute.max(1)).unwrap_or(i64::MAX));
    match tallied.open() {
        0 => format!("{rate}."),
        _ => format!("{rate}; {} left at that.", span::in_words(left)),
    }
}

/// `2:05`, or `1:02:05`; a begun second counts whole.
fn clock(left: SignedDuration) -> String {
    let seconds = left.as_millis().max(0).unsigned_abs().div_ceil(1_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Tallied, clock, counts, pace};
    use crate::store::deliveries::Fared;

    #[test]
    fn what_is_left_is_shown_as_a_clock_does() {
        for (millis, shown) in [(0, "0:00"), (1, "0:01"), (119_001, "2:00"), (-5, "0:00"), (3_725_000, "1:02:05")] {
            assert_eq!(clock(SignedDuration::from_millis(millis)), shown);
        }
    }

    #[test]
    fn the_pace_tells_how_long_it_will_take() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let fared = Fared { first_sent_at: Some(at(0)), last_sent_at: Some(at(10)) };
        let tallied = Tallied { sent: 1_000, waiting: 11_000, unknown: 1_000, ..Tallied::default() };
        assert_eq!(pace(&tallied, fared, at(10)), "100 messages a second; 2 minutes left at that.");
        assert_eq!(pace(&tallied, fared, at(1_000)), "60 messages a minute; over 3 hours left at that.");
        assert_eq!(pace(&tallied, fared, at(1)), "", "too soon to tell");
        assert_eq!(pace(&Tallied { sent: 1, ..Tallied::default() }, fared, at(60)), "1 message a minute.");
        let none = Fared { first_sent_at: None, last_sent_at: None };
        assert_eq!(pace(&Tallied::default(), none, at(10)), "None was sent yet.");
    }

    #[test]
    fn the_parts_of_a_bar_are_the_whole_of_it() {
        let tallied = Tallied { sent: 1, refused: 1, waiting: 1, unknown: 0, left_out: 1 };
        let percents: Vec<String> = counts(&tallied).into_iter().map(|count| count.percent).collect();
        assert_eq!(percents, ["25.00", "25.00", "25.00", "0.00", "25.00"]);
        assert!(counts(&Tallied::default()).is_empty());
    }
}
