//! One field of a crontab line: `*`, `5`, `mon`, `1-5`, `*/10` or `8-18/2`, and lists of these. Text comes in, a set of
//! numbers goes out, or an error that names the field.

use std::fmt;

use super::line::LineError;

/// The five fields of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12.
    Month,
    /// 0 to 7.
    DayOfWeek,
}

/// A set of numbers below 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers(u64);

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Field {
    /// The smallest and the largest number.
    pub(super) fn bounds(self) -> (u8, u8) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 7),
        }
    }

    /// What it may hold, for an error.
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::Minute => "0 to 59",
            Self::Hour => "0 to 23",
            Self::DayOfMonth => "1 to 31",
            Self::Month => "1 to 12, or jan to dec",
            Self::DayOfWeek => "0 to 7 (0 and 7 are Sunday), or sun to sat",
        }
    }

    pub(super) fn sunday_hint(self) -> &'static str {
        if self == Self::DayOfWeek { " (Sunday is 7 at the end of a range)" } else { "" }
    }

    /// Reads a whole field: entries with commas between.
    pub(super) fn read(self, text: &str) -> Result<Numbers, LineError> {
        text.split(',').try_fold(Numbers::default(), |all, entry| Ok(Numbers(all.0 | self.read_entry(entry)?.0)))
    }

    /// Reads `*`, `5`, `mon`, `1-5`, `*/10` or `8-18/2`.
    fn read_entry(self, entry: &str) -> Result<Numbers, LineError> {
        let (span, step) = match entry.split_once('/') {
            Some((span, step)) => (span, Some(step)),
            None => (entry, None),
        };
        let (first, last) = match span.split_once('-') {
            Some((first, last)) => (self.value(first)?, self.range_end(first, last)?),
            None if span == "*" => self.bounds(),
            None if step.is_some() => {
                self.value(span)?;
                return Err(LineError::StepWithoutRange { field: self, text: quoted(entry) });
            }
            None => (self.value(span)?, self.value(span)?),
        };
        if first > last {
            return Err(LineError::FallingRange { field: self, text: quoted(entry) });
        }
        let step = match step {
            None => 1,
            Some(step) => number(step)
                .filter(|step| (1..=self.bounds().1).contains(step))
                .ok_or_else(|| LineError::BadStep { field: self, text: quoted(entry) })?,
        };
        Ok((first..=last).step_by(usize::from(step)).collect())
    }

    /// A number or a name.
    fn value(self, text: &str) -> Result<u8, LineError> {
        let (smallest, largest) = self.bounds();
        let bad = || LineError::BadValue { field: self, text: quoted(text) };
        let value = number(text).or_else(|| self.named(text)).ok_or_else(bad)?;
        (smallest..=largest).contains(&value).then_some(value).ok_or_else(bad)
    }

    /// The end of a range. Sunday by name ends the week there: `sat-sun` is two days, as `6-7` is.
    fn range_end(self, first: &str, last: &str) -> Result<u8, LineError> {
        let end = self.value(last)?;
        let ends_week = self == Self::DayOfWeek && end == 0 && number(last).is_none() && self.value(first)? > 0;
        Ok(if ends_week { 7 } else { end })
    }

    /// The number of a name, whole or its first three letters.
    fn named(self, text: &str) -> Option<u8> {
        let (names, first): (&[&str], u8) = match self {
            Self::Month => (&MONTHS, 1),
            Self::DayOfWeek => (&WEEKDAYS, 0),
            Self::Minute | Self::Hour | Self::DayOfMonth => return None,
        };
        let is = |name: &&str| text.eq_ignore_ascii_case(name) || text.eq_ignore_ascii_case(&name[..3]);
        names.iter().zip(first..).find(|(name, _)| is(name)).map(|(_, number)| number)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
        })
    }
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A text fit to stand in an error: at most 40 characters, control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        shown.push('…');
    }
    shown
}

impl Numbers {
    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = u8> {
        (0..64).filter(move |number| self.0 >> number & 1 == 1)
    }

    pub(super) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The first and the last.
    pub(super) fn ends(self) -> (u8, u8) {
        (self.iter().next().unwrap_or(0), self.iter().next_back().unwrap_or(0))
    }

    /// Sunday as 0, also when it was typed as 7.
    pub(super) fn with_seven_as_zero(self) -> Self {
        Self(self.0 & 0x7f | self.0 >> 7 & 1)
    }
}

impl FromIterator<u8> for Numbers {
    fn from_iter<I: IntoIterator<Item = u8>>(numbers: I) -> Self {
        Self(numbers.into_iter().fold(0, |bits, number| bits | 1 << number))
    }
}
