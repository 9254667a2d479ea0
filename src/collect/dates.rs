//! Dates as sites write them. Text comes in, an instant goes out, or nothing when the text cannot be read: then the
//! caller goes by when it first saw the post. Besides RFC 3339 and RFC 5322 §3.3 this takes what real feeds hold: other
//! languages, missing zones, American order, seconds since 1970. A date without a zone is read as UTC. A bare month or
//! year is no date: taken for its first day, a post of today would be old.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::Offset,
};

/// Years outside this are a program's mistake, not a date.
const YEARS: std::ops::RangeInclusive<i16> = 1990..=2100;

/// Beginnings of month names in English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Hungarian, Greek and
/// Russian, in lower case. The longer of two comes first.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "ene", "gen", "sty", "ιαν", "янв"],
    &["feb", "fév", "fev", "lut", "φεβ", "фев"],
    &["mar", "mär", "már", "mrz", "maa", "mrt", "μαρ", "μάρ", "мар"],
    &["apr", "avr", "abr", "ápr", "kwi", "απρ", "апр"],
    &["may", "mai", "mag", "mei", "maj", "máj", "μαΐ", "μαϊ", "μαι", "μάι", "май", "мая"],
    &["jun", "juin", "giu", "jún", "cze", "ιουν", "ιούν", "июн"],
    &["jul", "juil", "lug", "júl", "lip", "ιουλ", "ιούλ", "июл"],
    &["aug", "aoû", "aou", "ago", "sie", "αυγ", "αύγ", "авг"],
    &["sep", "set", "szept", "wrz", "σεπ", "сен"],
    &["oct", "okt", "ott", "out", "paź", "οκτ", "окт"],
    &["nov", "lis", "νοε", "νοέ", "ноя"],
    &["dec", "dez", "déc", "dic", "gru", "δεκ", "дек"],
];

/// Zone names still seen, with their offset from UTC in minutes. Names not listed are read as UTC.
const ZONES: [(&str, i32); 28] = [
    ("est", -300),
    ("edt", -240),
    ("cst", -360),
    ("cdt", -300),
    ("mst", -420),
    ("mdt", -360),
    ("pst", -480),
    ("pdt", -420),
    ("akst", -540),
    ("akdt", -480),
    ("hst", -600),
    ("wet", 0),
    ("west", 60),
    ("bst", 60),
    ("ist", 330),
    ("cet", 60),
    ("cest", 120),
    ("met", 60),
    ("mest", 120),
    ("mez", 60),
    ("mesz", 120),
    ("eet", 120),
    ("eest", 180),
    ("msk", 180),
    ("jst", 540),
    ("aest", 600),
    ("aedt", 660),
    ("nzst", 720),
];

/// What is written of American zones when nobody wants to say whether it is summer. They are words as well, so they count
/// only behind a time.
const SHORT_ZONES: [(&str, i32); 5] = [("at", -240), ("et", -300), ("ct", -360), ("mt", -420), ("pt", -480)];

/// Korea's zone, in minutes: who writes a date in Korean and no zone means it.
const KOREA: i32 = 540;

/// Reads a date.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // Nothing that is a date is longer than this.
    if text.len() > 100 {
        return None;
    }
    let is_korean = text.contains(|c| matches!(c, '\u{AC00}'..='\u{D7A3}'));
    let spelled = || {
        let mut parts = Parts::gather(text);
        parts.offset_minutes = parts.offset_minutes.or(is_korean.then_some(KOREA));
        parts.instant()
    };
    let instant = unix_time(text).or_else(|| compact(text)).or_else(spelled)?;
    YEARS.contains(&Offset::UTC.to_datetime(instant).year()).then_some(instant)
}

/// Seconds since 1970, or milliseconds: nine to eleven digits, or twelve to fourteen.
fn unix_time(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match text.len() {
        9..=11 => Timestamp::from_second(number).ok(),
        12..=14 => {
            Timestamp::from_millisecond(number).ok().filter(|_| !text.starts_with("19") && !text.starts_with("20"))
        }
        _ => None,
    }
}

/// ISO 8601 without hyphens and colons: `20261124T100000Z`, `20261124100000` or `20261124`.
fn compact(text: &str) -> Option<Timestamp> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let shape = text.trim_end_matches(['Z', 'z']).replace(['T', 't'], "");
    if shape != digits || !matches!(digits.len(), 8 | 12 | 14) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<i8>().ok());
    let date = Date::new(digits[..4].parse().ok()?, number(4, 6)?, number(6, 8)?).ok()?;
    let time =
        Time::new(number(8, 10).unwrap_or(0), number(10, 12).unwrap_or(0), number(12, 14).unwrap_or(0), 0).ok()?;
    Offset::UTC.to_timestamp(date.to_datetime(time)).ok()
}

/// What the words of a date were found to say.
#[derive(Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    clock: Option<(i8, i8, i8)>,
    half: Option<Half>,
    offset_minutes: Option<i32>,
}

#[derive(Clone, Copy)]
enum Half {
    Morning,
    Afternoon,
}

impl Parts {
    /// Sorts the words of a text; words that mean nothing (weekdays, "at", "Uhr") are passed over.
    fn gather(text: &str) -> Self {
        let mut parts = Self::default();
        // East Asian dates have no spaces.
        let text = text.replace(['年', '년'], "年 ").replace(['月', '월'], "月 ").replace(['日', '일'], "日 ");
        let spoken = ["午前", "午後", "오전", "오후", "上午", "下午"];
        let text = spoken.iter().fold(text, |text, word| text.replace(word, &format!(" {word} ")));
        for word in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')')) {
            parts.take(word);
        }
        parts
    }

    fn take(&mut self, word: &str) {
        let Some(first) = word.chars().next() else { return };
        if matches!(first, '+' | '-') {
            self.offset_minutes = self.offset_minutes.or_else(|| offset(word));
        } else if !first.is_ascii_digit() {
            self.take_name(word);
        } else if let Some(at) = time_mark(word) {
            self.take(&word[..at]);
            self.take(&word[at + 1..]);
        } else if self.take_east_asian(word) {
        } else if word.contains(':') {
            self.take_clock(word);
        } else if let Some(separator) = word.chars().find(|c| matches!(c, '-' | '/' | '.')).filter(|_| word.len() >= 6)
        {
            self.take_numeric(&word.split(separator).collect::<Vec<_>>(), separator);
        } else {
            self.take_number(word);
        }
    }

    /// `Nov`, `novembre`, `PM`, `CEST`, `GMT+2`.
    fn take_name(&mut self, word: &str) {
        let name = word.trim_end_matches('.').to_lowercase();
        match name.replace('.', "").as_str() {
            "am" | "午前" | "上午" | "오전" => self.half = Some(Half::Morning),
            "pm" | "午後" | "下午" | "오후" => self.half = Some(Half::Afternoon),
            _ => {}
        }
        let short = SHORT_ZONES.iter().find(|(zone, _)| self.clock.is_some() && *zone == name);
        let zone = name.strip_prefix("gmt").or_else(|| name.strip_prefix("utc"));
        if let Some(minutes) = zone.and_then(offset) {
            self.offset_minutes = Some(minutes);
        } else if let Some((_, minutes)) = short.or_else(|| ZONES.iter().find(|(zone, _)| *zone == name)) {
            self.offset_minutes = self.offset_minutes.or(Some(*minutes));
        } else if let Some(month) = month(&name) {
            // The last one counts: French and Spanish Tuesdays begin like March.
            self.month = Some(month);
        }
    }

    /// `10:00`, `10:00:00.5Z`, `10:00:00+01:00`, `9:30PM`.
    fn take_clock(&mut self, word: &str) {
        let end = word.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.')).unwrap_or(word.len());
        let (clock, rest) = word.split_at(end);
        let mut fields = clock.split(':').map(|field| field.split('.').next().unwrap_or_default().parse::<i8>().ok());
        if let (Some(Some(hour)), Some(Some(minute))) = (fields.next(), fields.next()) {
            self.clock = Some((hour, minute, fields.next().flatten().unwrap_or(0)));
        }
        self.take(rest);
    }

    /// `2026-11-24`, `11/24/2026`, `24.11.2026`, `24-Nov-2026`.
    fn take_numeric(&mut self, fields: &[&str], separator: char) {
        let [a, b, c] = fields else { return };
        let number = |field: &str| field.parse::<i16>().ok();
        let small = |field: &str| field.parse::<i8>().ok();
        if a.len() == 4 {
            // One large host writes its months with a zero too many.
            let b = if b.len() == 3 { b.trim_start_matches('0') } else { b };
            (self.year, self.month, self.day) = (number(a), small(b).or_else(|| month(&b.to_lowercase())), small(c));
        } else if let Some(name) = month(&b.to_lowercase()) {
            (self.day, self.month, self.year) = (small(a), Some(name), number(c).map(|year| full_year(year, c)));
        } else {
            let month_first = separator == '/';
            let (mut day, mut month) = if month_first { (small(b), small(a)) } else { (small(a), small(b)) };
            // A month above twelve tells that the order was the other one.
            if month.is_some_and(|month| month > 12) {
                (day, month) = (month, day);
            }
            (self.day, self.month, self.year) = (day, month, number(c).map(|year| full_year(year, c)));
        }
    }

    /// `2026年`, `11月`, `24日`; whether it was one.
    fn take_east_asian(&mut self, word: &str) -> bool {
        let number = |mark| word.strip_suffix(mark).and_then(|number| number.parse::<i16>().ok());
        let small = |mark| number(mark).and_then(|number| i8::try_from(number).ok());
        if let Some(year) = number('年') {
            self.year = Some(year);
        } else if let Some(month) = small('月') {
            self.month = Some(month);
        } else if let Some(day) = small('日') {
            self.day = Some(day);
        } else {
            return false;
        }
        true
    }

    /// A bare number is a day first and a year after that, unless it can only be a year.
    fn take_number(&mut self, word: &str) {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let Ok(number) = digits.parse::<i16>() else { return };
        if digits.len() <= 2 && self.day.is_none() {
            self.day = i8::try_from(number).ok();
        } else if self.year.is_none() {
            self.year = Some(full_year(number, digits));
        }
    }

    fn instant(&self) -> Option<Timestamp> {
        let date = Date::new(self.year?, self.month?, self.day?).ok()?;
        let (hour, minute, second) = self.clock.unwrap_or_default();
        let (hour, past_midnight) = match (self.half, hour) {
            (Some(Half::Morning), 12) => (0, false),
            (Some(Half::Afternoon), 0..=11) => (hour + 12, false),
            (_, 24) => (0, true),
            _ => (hour, false),
        };
        // A leap second is told as the second before it.
        let time = Time::new(hour, minute, second.min(59), 0).ok()?;
        let date = if past_midnight { date.tomorrow().ok()? } else { date };
        let offset = SignedDuration::from_mins(self.offset_minutes.unwrap_or(0).into());
        Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?.checked_sub(offset).ok()
    }
}

/// Where the `T` is that parts a date from its time.
fn time_mark(word: &str) -> Option<usize> {
    let bytes = word.as_bytes();
    let is_mark = |at: &usize| matches!(bytes[*at], b'T' | b't') && bytes[at - 1].is_ascii_digit();
    (8..bytes.len()).find(|at| is_mark(at) && word.is_char_boundary(*at))
}

/// `+0100`, `-05:00`, `+2` in minutes; nothing beyond fourteen hours.
fn offset(text: &str) -> Option<i32> {
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) =
        digits.split_at_checked(digits.len().saturating_sub(2)).filter(|_| digits.len() > 2).unwrap_or((&digits, "0"));
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// The month that a word in lower case begins like.
fn month(word: &str) -> Option<i8> {
    let at = MONTHS.iter().position(|names| names.iter().any(|name| word.starts_with(name)))?;
    i8::try_from(at + 1).ok()
}

/// Two digits mean 1970 to 2069, RFC 5322 §4.3 aside, which would end at 2049.
fn full_year(year: i16, written: &str) -> i16 {
    match (written.len(), year) {
        (2, 0..70) => year + 2000,
        (2, _) => year + 1900,
        _ => year,
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use proptest::prelude::*;

    fn read_as(text: &str) -> String {
        read(text).map_or_else(|| "none".to_owned(), |instant| instant.to_string())
    }

    #[test]
    fn dates_are_read_in_every_form_that_sites_write() {
        let ten = "2026-11-24T10:00:00Z";
        let same_instant = [
            "Tue, 24 Nov 2026 10:00:00 +0000",
            "Tue, 24 Nov 2026 10:00:00 GMT",
            "Tue, 24 Nov 2026 10:00:00 Z",
            "24 Nov 2026 10:00 UT",
            "Mon, 24 Nov 2026 10:00:00 UTC",
            "Tuesday, 24 November 2026 11:00:00 CET",
            "Tue, 24 Nov 2026 12:00:00 CEST",
            "Tue, 24 Nov 2026 05:00:00 EST",
            "Tue, 24 Nov 2026 05:00:00 -0500 (EST)",
            "Tue, 24 Nov 26 10:00:00 +0000",
            "Di, 24 Nov 2026 11:00:00 +0100",
            "mar., 24 nov. 2026 11:00:00 +0100",
            "Tue, Nov 24 2026 10:00:00 GMT",
            "November 24, 2026 10:00 am",
            "Nov 24, 2026, 10:00 a.m.",
            "2026-11-24T10:00:00Z",
            "2026-11-24T10:00Z",
            "2026-11-24T11:00:00+01:00",
            "2026-11-24T11:00:00.123+0100",
            "2026-11-24t10:00:00z",
            "2026-11-24 10:00:00",
            "2026-11-24 10:00:00 UTC",
            "2026-11-24 11:00:00 +0100",
            "2026/11/24 10:00",
            "11/24/2026 10:00 AM",
            "24/11/2026 10:00",
            "24.11.2026 10:00",
            "24-Nov-2026 10:00:00",
            "20261124T100000Z",
            "20261124100000",
            "1795514400",
            "1795514400000",
            "Tue, 24 Nov 2026 10:00:00 GMT+0",
            "Tue, 24 Nov 2026 12:00:00 GMT+02:00",
            "  Tue,24 Nov 2026 10:00:00 +0000 \n",
            "Thu, 24 Nov 2026 11:00:00 MET",
            "Tue, 24 November 2026 05:00:00 ET",
            "November 24, 2026 at 10:00",
            "2026年11月24日 10:00",
            "2026-11-24 오후 7:00:00",
            "2026년 11월 24일 19:00:00",
            "2026-november-24T11:00+01:00",
            "2026-011-24T10:00:00Z",
            "24 ноября 2026 13:00 MSK",
        ];
        for text in same_instant {
            assert_eq!(read_as(text), ten, "{text}");
        }
    }

    #[test]
    fn a_date_without_a_time_is_midnight() {
        for text in [
            "2026-11-24",
            "Tue, 24 Nov 2026",
            "24 November 2026",
            "24. November 2026",
            "November 24th, 2026",
            "20261124",
            "24.11.2026",
            "24 de noviembre de 2026",
        ] {
            assert_eq!(read_as(text), "2026-11-24T00:00:00Z", "{text}");
        }
    }

    #[test]
    fn odd_hours_are_understood() {
        assert_eq!(read_as("Tue, 24 Nov 2026 24:00:00 +0000"), "2026-11-25T00:00:00Z");
        assert_eq!(read_as("11/24/2026 12:05 AM"), "2026-11-24T00:05:00Z");
        assert_eq!(read_as("11/24/2026 12:05PM"), "2026-11-24T12:05:00Z");
        assert_eq!(read_as("2026-12-31T23:59:60Z"), "2026-12-31T23:59:59Z");
        assert_eq!(read_as("24 août 2026 9:05 MESZ"), "2026-08-24T07:05:00Z");
        assert_eq!(read_as("Κυρ, 11 Ιούλ 2004 12:00:00 EST"), "2004-07-11T17:00:00Z");
        assert_eq!(read_as("2004-július-13T9:15-05:00"), "2004-07-13T14:15:00Z");
        assert_eq!(read_as("2004-október-13T9:15-05:00"), "2004-10-13T14:15:00Z");
        assert_eq!(read_as("2026年11月24日午後3:30"), "2026-11-24T15:30:00Z");
        assert_eq!(read_as("13 października 2026"), "2026-10-13T00:00:00Z");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "soon",
            "Tue",
            "2026",
            "31 Feb 2026",
            "0001-01-01T00:00:00Z",
            "99/99/9999",
            "24 Nov 0000",
            "1",
            "12:00",
            "2026-13-40",
            "2026-11",
            "2026年11月",
            "24 Nov 2026 99:99",
        ] {
            assert_eq!(read_as(text), "none", "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,60}", dateish in "[0-9TZ:+./, \\-a-z]{0,40}") {
            let _ = (read(&text), read(&dateish));
        }
    }
}
