//! Schedules: when digests go out. A crontab(5) line and a time zone come in; the slots it names go out, each with
//! its wall-clock time and its instant. It never asks the time, and knows nothing of issues.
//!
//! The line is read by our own reader, since the `cron` crate has other ideas of weekdays, of five fields and of "or";
//! the crate then finds the dates, on wall-clock time without a zone, and `slots` puts those on the real
//! clock. The zone's rules are the ones bundled with jiff, the same on every machine.
//!
//! **When the clocks change** we do as cron(8) does. A line that names its times is *fixed*: a time that the clocks
//! skip runs once, at the first moment after the gap; a time that comes twice runs the first time only. A line whose
//! minute or hour begins with `*` *follows the clock*: what the clocks skip does not happen, and in the hour that
//! comes twice it runs both times. Slots are found from 1970 to 2100, which is as far as the `cron` crate looks.

mod field;
mod line;
mod slots;
mod words;
mod zone;

use std::{fmt, iter};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::phrases::Phrases;

pub use field::Field;
use line::Line;
pub use line::LineError;
pub use zone::{ZoneError, zone_named};

/// A crontab(5) line in a time zone. Two are equal when line and zone are.
#[derive(Clone)]
pub struct Schedule {
    line: Line,
    zone: TimeZone,
    zone_name: String,
    /// One, or two when a day of the month and a day of the week each make a date good.
    dates: Vec<cron::Schedule>,
}

/// One time at which a schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotTime {
    /// The wall-clock time that the line names: the slot's identity, even when the clocks skip it. Only a line that
    /// follows the clock can give the same one twice, in the hour that comes twice.
    pub local: DateTime,
    /// When it really runs.
    pub at: Timestamp,
}

/// Why a line and a zone do not make a schedule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The line is not one of crontab(5).
    #[error(transparent)]
    Line(#[from] LineError),
    /// The zone is not in the IANA database.
    #[error(transparent)]
    Zone(#[from] ZoneError),
}

impl Schedule {
    /// Reads a line of five fields, or `@daily` and its like, for a zone such as `Europe/Paris`.
    ///
    /// # Errors
    /// See [`LineError`] and [`ZoneError`].
    pub fn parse(line: &str, zone: &str) -> Result<Self, ScheduleError> {
        let line = Line::parse(line)?;
        let (zone, zone_name) = zone_named(zone)?;
        Ok(Self { dates: slots::dates(&line), line, zone, zone_name })
    }

    /// All slots after an instant, soonest first: `at` always grows. When several slots fall into one gap of the
    /// clocks they are one, with the name of the first.
    pub fn slots_after(&self, from: Timestamp) -> impl Iterator<Item = SlotTime> {
        iter::successors(self.slot_after(from), |slot| self.slot_after(slot.at))
    }

    /// The last slot with `after < at <= until`, if there is one. However many slots were missed, this is the one to
    /// catch up. It looks some thirty times, be the span an hour or a century.
    pub fn latest_slot(&self, after: Timestamp, until: Timestamp) -> Option<SlotTime> {
        let in_time = |from| self.slot_after(from).filter(|slot| slot.at <= until);
        let mut latest = in_time(after)?;
        // Slots are on whole seconds. None lies after `end`; the span between the two is halved until it is empty.
        let mut end = until.as_second();
        while latest.at.as_second() < end {
            let middle = latest.at.as_second() + (end - latest.at.as_second()) / 2;
            match Timestamp::from_second(middle).ok().and_then(in_time) {
                Some(later) => latest = later,
                None => end = middle,
            }
        }
        Some(latest)
    }

    /// The line, its fields one space apart.
    pub fn line(&self) -> &str {
        &self.line.text
    }

    /// The zone's name as the IANA database spells it.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The schedule in words: "at 09:00 on Monday, New York time".
    pub fn describe(&self) -> String {
        words::describe(&self.line, &self.zone_name)
    }

    /// The same in a reader's language, in full or in short.
    pub fn describe_in(&self, phrases: &Phrases) -> String {
        match &phrases.schedule {
            Some(schedule) => words::in_short(&self.line, &self.zone_name, schedule, &phrases.dates),
            None => self.describe(),
        }
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.line == other.line && self.zone_name == other.zone_name
    }
}

impl Eq for Schedule {}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({:?}, {:?})", self.line.text, self.zone_name)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn a_schedule_can_be_shared_and_is_equal_to_its_like() {
        fn shared<T: Send + Sync + Clone>(_: &T) {}
        let schedule = Schedule::parse(" 0\t9 * * MON ", "europe/paris").expect("valid");
        shared(&schedule);
        assert_eq!((schedule.line(), schedule.zone_name()), ("0 9 * * MON", "Europe/Paris"));
        assert_eq!(schedule, Schedule::parse("0 9 * * MON", "Europe/Paris").expect("valid"));
        assert_ne!(schedule, Schedule::parse("0 9 * * MON", "Europe/Rome").expect("valid"));
        assert_eq!(format!("{schedule:?}"), r#"Schedule("0 9 * * MON", "Europe/Paris")"#);
    }
}
