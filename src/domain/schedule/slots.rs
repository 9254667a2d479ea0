//! Slots on the real clock: the `cron` crate finds wall-clock times without a zone, and these are placed in the
//! schedule's zone by the rule that the module's page states. Instants come in and go out.

use chrono::{Datelike, NaiveDate, Timelike, Utc};
use jiff::{
    SignedDuration, Timestamp,
    civil::{DateTime, date},
    tz::AmbiguousOffset,
};

use super::{
    Schedule, SlotTime,
    field::Numbers,
    line::{DayRule, Line, Pace},
};

/// The line as the `cron` crate wants it: seconds first, plain lists, Sunday 1, and a schedule for each way in which
/// a date can be good.
pub(super) fn dates(line: &Line) -> Vec<cron::Schedule> {
    let plain = |numbers: Numbers, shift: u8| {
        numbers.iter().map(|number| (number + shift).to_string()).collect::<Vec<_>>().join(",")
    };
    let days = plain(line.days, 0);
    let weekdays = plain(line.weekdays, 1);
    let of = |days: &str, weekdays: &str| {
        let (minutes, hours, months) = (plain(line.minutes, 0), plain(line.hours, 0), plain(line.months, 0));
        format!("0 {minutes} {hours} {days} {months} {weekdays}")
            .parse()
            .expect("lists of numbers within their fields are what the cron crate reads")
    };
    match line.rule {
        DayRule::Both => vec![of(&days, &weekdays)],
        DayRule::Either if line.has_its_days() => vec![of(&days, "*"), of("*", &weekdays)],
        DayRule::Either => vec![of("*", &weekdays)],
    }
}

impl Schedule {
    /// The first slot after an instant.
    pub(super) fn slot_after(&self, from: Timestamp) -> Option<SlotTime> {
        match self.line.pace {
            Pace::Fixed => self.fixed_slot_after(from),
            Pace::FollowsClock => self.followed_slot_after(from),
        }
    }

    /// Every wall-clock time has one instant here. Those that come twice may lie before `from`, hence the search.
    fn fixed_slot_after(&self, from: Timestamp) -> Option<SlotTime> {
        let mut local = self.zone.to_datetime(from);
        loop {
            local = self.wall_time_after(local)?;
            let at = self.first_moment(local)?;
            if at > from {
                return Some(SlotTime { local, at });
            }
        }
    }

    /// The first instant at which the clocks show this time or, when they skip it, have passed it.
    fn first_moment(&self, local: DateTime) -> Option<Timestamp> {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(local).ok()
            }
            AmbiguousOffset::Gap { before, .. } => {
                let inside = before.to_timestamp(local).ok()?;
                let change = self.zone.preceding(inside.checked_add(SignedDuration::from_secs(1)).ok()?).next()?;
                Some(change.timestamp())
            }
        }
    }

    /// Goes from one change of the clocks to the next; between two of them wall-clock time runs evenly.
    fn followed_slot_after(&self, from: Timestamp) -> Option<SlotTime> {
        let mut offset = self.zone.to_offset(from);
        let mut change = self.zone.following(from).next();
        let mut shown = offset.to_datetime(from);
        loop {
            let local = self.wall_time_after(shown)?;
            let at = offset.to_timestamp(local).ok()?;
            match change {
                Some(next) if next.timestamp() <= at => {
                    offset = next.offset();
                    // The moment of the change is itself a candidate, so the search begins a second before.
                    shown = offset.to_datetime(next.timestamp()).checked_sub(SignedDuration::from_secs(1)).ok()?;
                    change = self.zone.following(next.timestamp()).next();
                }
                _ => return Some(SlotTime { local, at }),
            }
        }
    }

    /// The next time the line names on a clock without a zone.
    fn wall_time_after(&self, local: DateTime) -> Option<DateTime> {
        // The crate knows the years 1970 to 2100; before them its search would begin with a wrong year.
        let local = local.max(date(1969, 12, 31).at(23, 59, 59, 0));
        let naive = NaiveDate::from_ymd_opt(local.year().into(), narrow(local.month())?, narrow(local.day())?)?
            .and_hms_opt(narrow(local.hour())?, narrow(local.minute())?, narrow(local.second())?)?
            .and_utc();
        self.dates.iter().filter_map(|dates| dates.after(&naive).next()).min().and_then(civil)
    }
}

fn narrow(part: i8) -> Option<u32> {
    u32::try_from(part).ok()
}

fn civil(naive: chrono::DateTime<Utc>) -> Option<DateTime> {
    let part = |part: u32| i8::try_from(part).ok();
    DateTime::new(
        i16::try_from(naive.year()).ok()?,
        part(naive.month())?,
        part(naive.day())?,
        part(naive.hour())?,
        part(naive.minute())?,
        part(naive.second())?,
        0,
    )
    .ok()
}
