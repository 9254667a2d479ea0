//! A rate: so many messages in a second, a minute, an hour or a day, as `100/m` says it. Text in, spacing out.

use std::{fmt, num::NonZeroU32, time::Duration};

/// How fast messages may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

/// Why a text is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a rate")]
pub struct NoRate;

impl Rate {
    /// Reads `100/m`: a whole number above nothing, and `s`, `m`, `h` or `d`.
    ///
    /// # Errors
    /// [`NoRate`].
    pub fn parse(text: &str) -> Result<Self, NoRate> {
        let (count, unit) = text.split_once('/').ok_or(NoRate)?;
        let unit = match unit.trim() {
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            "d" => Unit::Day,
            _ => return Err(NoRate),
        };
        Ok(Self { count: count.trim().parse().map_err(|_| NoRate)?, unit })
    }

    /// The time between two messages that go evenly.
    pub fn spacing(self) -> Duration {
        let seconds = match self.unit {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3_600,
            Unit::Day => 86_400,
        };
        Duration::from_secs(seconds) / self.count.get()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => 's',
            Unit::Minute => 'm',
            Unit::Hour => 'h',
            Unit::Day => 'd',
        };
        write!(f, "{}/{unit}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{NoRate, Rate};

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        for (text, spacing) in [
            ("1/s", Duration::from_secs(1)),
            ("100/m", Duration::from_millis(600)),
            ("3600/h", Duration::from_secs(1)),
            (" 2 / d ", Duration::from_secs(43_200)),
        ] {
            assert_eq!(Rate::parse(text).map(Rate::spacing), Ok(spacing), "{text}");
        }
        assert_eq!(Rate::parse("100/m").expect("a rate").to_string(), "100/m");
        for text in ["", "100", "0/s", "-1/s", "1.5/s", "100/minute", "/s", "5000000000/s"] {
            assert_eq!(Rate::parse(text), Err(NoRate), "{text}");
        }
    }
}
