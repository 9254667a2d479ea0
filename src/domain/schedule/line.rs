//! A crontab(5) line: text comes in, five sets of numbers go out, or an error that names the field and says what it
//! may hold. `0` and `7` are both Sunday, names go in any case, and a date that no year has is refused.

use super::field::{Field, Numbers, quoted};

/// Why a text is not a crontab(5) line. What was typed is quoted in it, cut short and without control characters.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not five fields.
    #[error("a schedule has five fields (minute, hour, day of month, month, day of week), but this has {0}")]
    FieldCount(usize),
    /// A word beginning with `@` that is none of ours.
    #[error("`{0}` is not one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually")]
    UnknownShortcut(String),
    /// Neither a number in range nor a name.
    #[error("`{text}` in the {field} field: allowed is {}", field.allowed())]
    BadValue {
        /// The field it stands in.
        field: Field,
        /// What was typed.
        text: String,
    },
    /// A range whose end is before its start.
    #[error("`{text}` in the {field} field falls: the smaller number comes first{}", field.sunday_hint())]
    FallingRange {
        /// The field it stands in.
        field: Field,
        /// What was typed.
        text: String,
    },
    /// A step of nothing, or beyond the field.
    #[error("`{text}` in the {field} field: a step is 1 to {}", field.bounds().1)]
    BadStep {
        /// The field it stands in.
        field: Field,
        /// What was typed.
        text: String,
    },
    /// A step on a single number, which crons read in different ways.
    #[error("`{text}` in the {field} field: a step needs a range, such as `*/5` or `{}-{}/5`", field.bounds().0, field.bounds().1)]
    StepWithoutRange {
        /// The field it stands in.
        field: Field,
        /// What was typed.
        text: String,
    },
    /// None of the months has such a day.
    #[error("`{0}` never comes: no month named there has such a day")]
    NoSuchDate(String),
}

/// How the two fields of days make a date good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DayRule {
    /// Both must agree, since one of them begins with `*`.
    Both,
    /// Either is enough.
    Either,
}

/// Whether a line names its times or goes with the clock; it matters only when the clocks change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Minute and hour are named.
    Fixed,
    /// Minute or hour begins with `*`.
    FollowsClock,
}

/// A line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) minutes: Numbers,
    pub(super) hours: Numbers,
    pub(super) days: Numbers,
    pub(super) months: Numbers,
    /// 0 is Sunday; 7 is folded into it.
    pub(super) weekdays: Numbers,
    pub(super) rule: DayRule,
    pub(super) pace: Pace,
}

/// The most days a month can have, January first.
const LONGEST: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Line {
    pub(super) fn parse(text: &str) -> Result<Self, LineError> {
        let typed: Vec<&str> = text.split_whitespace().collect();
        let spelled_out = match typed[..] {
            [word] if word.starts_with('@') => shortcut(word)?,
            _ => text,
        };
        let fields: Vec<&str> = spelled_out.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(LineError::FieldCount(fields.len()));
        };
        let starred = |field: &str| field.starts_with('*');
        let line = Self {
            text: typed.join(" "),
            minutes: Field::Minute.read(minute)?,
            hours: Field::Hour.read(hour)?,
            days: Field::DayOfMonth.read(day)?,
            months: Field::Month.read(month)?,
            weekdays: Field::DayOfWeek.read(weekday)?.with_seven_as_zero(),
            rule: if starred(day) || starred(weekday) { DayRule::Both } else { DayRule::Either },
            pace: if starred(minute) || starred(hour) { Pace::FollowsClock } else { Pace::Fixed },
        };
        if line.rule == DayRule::Both && !line.has_its_days() {
            return Err(LineError::NoSuchDate(quoted(&format!("{day} {month}"))));
        }
        Ok(line)
    }

    /// True when some month of the line has some day of the month of the line.
    pub(super) fn has_its_days(&self) -> bool {
        self.months.iter().any(|month| self.days.iter().any(|day| day <= LONGEST[usize::from(month) - 1]))
    }

    /// True when every month of the line has every day of the month of the line, in every year.
    pub(super) fn always_has_its_days(&self) -> bool {
        let shortest = |month: u8| if month == 2 { 28 } else { LONGEST[usize::from(month) - 1] };
        self.months.iter().all(|month| self.days.iter().all(|day| day <= shortest(month)))
    }
}

/// The five fields behind a word such as `@daily`.
fn shortcut(word: &str) -> Result<&'static str, LineError> {
    match word.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        _ => Err(LineError::UnknownShortcut(quoted(word))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DayRule, Field, Line, LineError, Pace};

    fn line(text: &str) -> Line {
        Line::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn each_form_of_a_field_names_its_numbers() {
        let weekdays = |field: &str| line(&format!("0 9 * * {field}")).weekdays.iter().collect::<Vec<_>>();
        for (field, expected) in [
            ("1-5", &[1, 2, 3, 4, 5][..]),
            ("0", &[0]),
            ("7", &[0]),
            ("0,7", &[0]),
            ("5-7", &[0, 5, 6]),
            ("1-7/2", &[0, 1, 3, 5]),
            ("*/2", &[0, 2, 4, 6]),
            ("0-7", &[0, 1, 2, 3, 4, 5, 6]),
            ("MON", &[1]),
            ("Mon-fri", &[1, 2, 3, 4, 5]),
            ("sat-sun", &[0, 6]),
            ("sun-tue", &[0, 1, 2]),
            ("sun-sun", &[0]),
            ("tuesday,Thursday", &[2, 4]),
        ] {
            assert_eq!(weekdays(field), expected, "{field}");
        }
        let minutes = |field: &str| line(&format!("{field} * * * *")).minutes.iter().collect::<Vec<_>>();
        assert_eq!(minutes("*/20"), [0, 20, 40]);
        assert_eq!(minutes("5-30/10,7,59"), [5, 7, 15, 25, 59]);
        assert_eq!(minutes("05"), [5]);
        assert_eq!(minutes("3-3"), [3]);
        assert_eq!(minutes("5,*").len(), 60);
        let months = line("0 0 1 jan,JUL-sep,12 *").months;
        assert_eq!(months.iter().collect::<Vec<_>>(), [1, 7, 8, 9, 12]);
    }

    #[test]
    fn a_shortcut_is_its_five_fields_in_any_case() {
        for (shortcut, fields) in [
            ("@hourly", "0 * * * *"),
            ("@Daily", "0 0 * * *"),
            ("@MIDNIGHT", "0 0 * * *"),
            (" @weekly ", "0 0 * * 0"),
            ("@monthly", "0 0 1 * *"),
            ("@yearly", "0 0 1 1 *"),
            ("@annually", "0 0 1 1 *"),
        ] {
            let expected = Line { text: shortcut.trim().into(), ..line(fields) };
            assert_eq!(line(shortcut), expected);
        }
    }

    #[test]
    fn what_begins_with_a_star_decides_the_rules() {
        assert_eq!(line("0 9 13 * 5").rule, DayRule::Either);
        assert_eq!(line("0 9 */2 * 5").rule, DayRule::Both);
        assert_eq!(line("0 9 13 * *").rule, DayRule::Both);
        assert_eq!(line("0 9 * * *").pace, Pace::Fixed);
        assert_eq!(line("0-59 0-23 * * *").pace, Pace::Fixed);
        assert_eq!(line("*/15 9 * * *").pace, Pace::FollowsClock);
        assert_eq!(line("0 */2 * * *").pace, Pace::FollowsClock);
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_field_and_what_it_may_hold() {
        for (text, error) in [
            ("", "a schedule has five fields (minute, hour, day of month, month, day of week), but this has 0"),
            ("0 9 * *", "a schedule has five fields (minute, hour, day of month, month, day of week), but this has 4"),
            (
                "0 9 * * * *",
                "a schedule has five fields (minute, hour, day of month, month, day of week), but this has 6",
            ),
            ("@reboot", "`@reboot` is not one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually"),
            ("60 9 * * *", "`60` in the minute field: allowed is 0 to 59"),
            ("0 24 * * *", "`24` in the hour field: allowed is 0 to 23"),
            ("0 9 0 * *", "`0` in the day-of-month field: allowed is 1 to 31"),
            ("0 9 L * *", "`L` in the day-of-month field: allowed is 1 to 31"),
            ("0 9 ? * 1", "`?` in the day-of-month field: allowed is 1 to 31"),
            ("0 9 * 13 *", "`13` in the month field: allowed is 1 to 12, or jan to dec"),
            ("0 9 * * 8", "`8` in the day-of-week field: allowed is 0 to 7 (0 and 7 are Sunday), or sun to sat"),
            ("0 9 * * 1#2", "`1#2` in the day-of-week field: allowed is 0 to 7 (0 and 7 are Sunday), or sun to sat"),
            ("0 9,,10 * * *", "`` in the hour field: allowed is 0 to 23"),
            ("+5 9 * * *", "`+5` in the minute field: allowed is 0 to 59"),
            ("-5 9 * * *", "`` in the minute field: allowed is 0 to 59"),
            ("300 9 * * *", "`300` in the minute field: allowed is 0 to 59"),
            ("0 17-9 * * *", "`17-9` in the hour field falls: the smaller number comes first"),
            (
                "0 9 * * 5-0",
                "`5-0` in the day-of-week field falls: the smaller number comes first (Sunday is 7 at the end of a range)",
            ),
            ("*/0 * * * *", "`*/0` in the minute field: a step is 1 to 59"),
            ("*/90 * * * *", "`*/90` in the minute field: a step is 1 to 59"),
            ("*/ * * * *", "`*/` in the minute field: a step is 1 to 59"),
            ("*/5/5 * * * *", "`*/5/5` in the minute field: a step is 1 to 59"),
            ("5/15 * * * *", "`5/15` in the minute field: a step needs a range, such as `*/5` or `0-59/5`"),
            ("0 9 31 2 *", "`31 2` never comes: no month named there has such a day"),
            ("0 9 31 feb,apr,jun *", "`31 feb,apr,jun` never comes: no month named there has such a day"),
            ("0 9 30 2 */2", "`30 2` never comes: no month named there has such a day"),
            ("0 \u{1b}[2J * * *", "`\\u{1b}[2J` in the hour field: allowed is 0 to 23"),
        ] {
            assert_eq!(Line::parse(text).expect_err(text).to_string(), error, "{text}");
        }
        assert!(line("0 9 29 2 *").has_its_days(), "some years have a 29th of February");
        assert_eq!(line("0 9 31 2 1").rule, DayRule::Either, "the Mondays of February do come");
        let huge = Line::parse(&format!("{} * * * *", "9".repeat(1_000_000))).expect_err("no such minute");
        assert_eq!(huge, LineError::BadValue { field: Field::Minute, text: format!("{}…", "9".repeat(40)) });
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-0-9*/,@a-zA-Z# \\t]{0,40}|.{0,60}") {
            let _ = Line::parse(&text);
        }

        #[test]
        fn five_random_fields_are_read_or_refused(fields in proptest::collection::vec("[0-9*,/-]{1,6}|mon|JAN", 5)) {
            if let Ok(line) = Line::parse(&fields.join(" ")) {
                prop_assert!([line.minutes, line.hours, line.days, line.months, line.weekdays].iter().all(|set| set.len() > 0));
                prop_assert!(line.weekdays.iter().all(|day| day < 7));
            }
        }
    }
}
