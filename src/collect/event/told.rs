//! Events as people tell them: "When: Thursday, 15 August 2024, 11:00 a.m. to noon ET". Lines of plain text come in; an
//! event goes out when one line says day, year, hour and zone, no other line says anything else, and the post says that
//! it is about an event. It guesses nothing: no year, no zone, no half of the day.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time, Weekday},
};

use super::{is_sound, zones::Zone};
use crate::domain::event::{Event, When};

/// More lines than this are not looked at, nor longer ones.
const MAX_LINES: usize = 400;
const MAX_LINE: usize = 600;

const MONTHS: [&[&str]; 12] = [
    &["january", "jan", "janvier", "enero"],
    &["february", "feb", "février", "febrero"],
    &["march", "mar", "mars", "marzo"],
    &["april", "apr", "avril", "abril"],
    &["may", "mai", "mayo"],
    &["june", "jun", "juin", "junio"],
    &["july", "jul", "juillet", "julio"],
    &["august", "aug", "août", "agosto"],
    &["september", "sep", "sept", "septembre", "septiembre"],
    &["october", "oct", "octobre", "octubre"],
    &["november", "nov", "novembre", "noviembre"],
    &["december", "dec", "décembre", "diciembre"],
];

/// Monday first.
const WEEKDAYS: [&[&str]; 7] = [
    &["monday", "mon", "lundi", "lunes"],
    &["tuesday", "tue", "tues", "mardi", "martes"],
    &["wednesday", "wed", "mercredi", "miércoles"],
    &["thursday", "thu", "thur", "thurs", "jeudi", "jueves"],
    &["friday", "fri", "vendredi", "viernes"],
    &["saturday", "sat", "samedi", "sábado"],
    &["sunday", "sun", "dimanche", "domingo"],
];

/// How a line begins that says when an event is.
const WHEN: [&str; 11] = [
    "when",
    "date",
    "date and time",
    "date & time",
    "day and time",
    "time",
    "time and date",
    "quand",
    "date et heure",
    "cuándo",
    "fecha",
];

/// How a line begins that says where.
const WHERE: [&str; 8] = ["where", "place", "location", "venue", "où", "lieu", "dónde", "lugar"];

/// A post whose title or category has one of these words is about an event.
const EVENTS: [&str; 22] = [
    "webinar",
    "webinars",
    "webinaire",
    "seminar",
    "séminaire",
    "seminario",
    "workshop",
    "atelier",
    "taller",
    "event",
    "events",
    "événement",
    "événements",
    "evento",
    "eventos",
    "briefing",
    "panel",
    "conference",
    "conférence",
    "conferencia",
    "invitation",
    "livestream",
];

/// The event that the lines of a post tell of.
pub(super) fn event(lines: &[String], title: &str, categories: &[String]) -> Option<Event> {
    let is_about_one = [title].into_iter().chain(categories.iter().map(String::as_str)).any(|text| {
        words(text).iter().any(|word| matches!(word, Word::Letters(word) if EVENTS.contains(&word.as_str())))
    });
    let (mut found, mut place) = (None, String::new());
    for line in lines.iter().take(MAX_LINES).filter(|line| line.len() <= MAX_LINE) {
        if let Some(text) = behind(line, &WHERE).filter(|_| place.is_empty()) {
            place = text.to_owned();
        }
        if !is_about_one && behind(line, &WHEN).is_none() {
            continue;
        }
        match (read(&words(line)), &found) {
            (Said::Nothing, _) => {}
            (Said::Unclear, _) => return None,
            (Said::When(when), None) => found = Some(when),
            (Said::When(when), Some(before)) => found = Some(agreed(before, when)?),
        }
    }
    let when = found.filter(is_sound)?;
    Some(Event { name: String::new(), when, place: place.trim_end_matches('.').to_owned() })
}

/// What two lines say together: the same beginning, and an end when one of them has it.
fn agreed(one: &When, other: When) -> Option<When> {
    let (When::Hours { starts, ends, offset, zone }, When::Hours { starts: again, ends: until, .. }) = (one, other)
    else {
        return None;
    };
    let is_same = *starts == again && (ends.is_none() || until.is_none() || *ends == until);
    is_same.then(|| When::Hours { starts: *starts, ends: ends.or(until), offset: *offset, zone: zone.clone() })
}

/// What stands behind one of these words and a colon at the beginning of a line.
fn behind<'a>(line: &'a str, labels: &[&str]) -> Option<&'a str> {
    let (label, text) = line.split_once(':')?;
    labels.contains(&label.trim().to_lowercase().as_str()).then(|| text.trim())
}

/// A word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// Letters, in lower case and without the dots of "a.m.".
    Letters(String),
    /// A number: its value, and how many digits it was written with.
    Number(u32, usize),
    /// Anything else but blanks.
    Sign(char),
}

fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            words.push(Word::Number(rest[..length].parse().unwrap_or(u32::MAX), length));
            length
        } else if first.is_alphabetic() {
            let is_within = |c: char| c.is_alphabetic() || matches!(c, '.' | '\'' | '’');
            let length = rest.find(|c: char| !is_within(c)).unwrap_or(rest.len());
            words.push(Word::Letters(rest[..length].replace('.', "").to_lowercase()));
            length
        } else {
            words.push(Word::Sign(first));
            first.len_utf8()
        };
        rest = rest[length..].trim_start();
    }
    words
}

/// What a line says of a time.
enum Said {
    /// Not both a day and an hour with its zone.
    Nothing,
    /// More than one thing, or one that may mean two.
    Unclear,
    /// Exactly this.
    When(When),
}

fn read(words: &[Word]) -> Said {
    let (mut dates, mut hours) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < words.len() {
        if let Some((date, length)) = date_at(&words[at..]) {
            dates.push(date);
            at += length;
        } else if let Some((span, length)) = hours_at(&words[at..]) {
            hours.push(span);
            at += length;
        } else {
            at += 1;
        }
    }
    if dates.is_empty() || hours.is_empty() {
        return Said::Nothing;
    }
    let [Some(date)] = dates[..] else { return Said::Unclear };
    let mut said: Option<When> = None;
    for span in hours {
        let Some(when) = span.and_then(|span| span.on(date)) else { return Said::Unclear };
        said = match said {
            None => Some(when),
            // The same moment told for several zones is told as the first.
            Some(before) => match agreed(&before, when) {
                Some(both) => Some(both),
                None => return Said::Unclear,
            },
        };
    }
    said.map_or(Said::Nothing, Said::When)
}

/// A date with its year at the beginning of some words, and how many it takes. The date is `None` when its weekday is
/// another one, or there is no such day.
fn date_at(words: &[Word]) -> Option<(Option<Date>, usize)> {
    let weekday = index_at(words, &WEEKDAYS);
    let mut at = usize::from(weekday.is_some());
    if weekday.is_some() {
        while matches!(&words[at..], [Word::Sign(','), ..]) || is_any(words.get(at), &["the", "le", "el"]) {
            at += 1;
        }
    }
    let skip = |at: usize, fillers: &[&str]| at + usize::from(is_any(words.get(at), fillers));
    let (day, month) = match words.get(at)? {
        Word::Number(day, 1..=2) => {
            at = skip(at + 1, &["st", "nd", "rd", "th", "er"]);
            at = skip(at, &["of", "de"]);
            let month = index_at(words.get(at..)?, &MONTHS)?;
            at = skip(at + 1, &["de", "del"]);
            (*day, month)
        }
        Word::Letters(_) => {
            let month = index_at(&words[at..], &MONTHS)?;
            let Some(Word::Number(day, 1..=2)) = words.get(at + 1) else { return None };
            at = skip(at + 2, &["st", "nd", "rd", "th"]);
            (*day, month)
        }
        _ => return None,
    };
    at += usize::from(words.get(at) == Some(&Word::Sign(',')));
    let Some(Word::Number(year @ 1900..=2200, 4)) = words.get(at) else { return None };
    let date = Date::new(i16::try_from(*year).ok()?, i8::try_from(month + 1).ok()?, i8::try_from(day).ok()?).ok();
    let wanted = weekday.and_then(|index| Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok());
    Some((date.filter(|date| wanted.is_none_or(|wanted| date.weekday() == wanted)), at + 1))
}

/// Hours with their zone.
#[derive(Clone, Debug)]
struct Span {
    starts: Time,
    ends: Option<Time>,
    zone: Zone,
    name: String,
}

impl Span {
    /// These hours on a day; `None` when the clocks leave them unclear.
    fn on(&self, date: Date) -> Option<When> {
        let instant = |time: Time| -> Option<(Timestamp, i32)> { self.zone.at(DateTime::from_parts(date, time)) };
        let (starts, offset) = instant(self.starts)?;
        let ends = match self.ends {
            Some(ends) => Some(instant(ends)?.0),
            None => None,
        };
        Some(When::Hours { starts, ends, offset, zone: self.name.clone() })
    }
}

/// An hour as it is written; without "a.m." or "p.m." the half of the day may be open.
#[derive(Clone, Copy, Debug)]
struct Hour {
    hour: u32,
    minute: u32,
    half: Option<Half>,
    /// It has minutes, or stands in full: "11:00", "noon", "11 a.m."; "11" alone is a number.
    is_whole: bool,
    /// No half is needed: "08:00", "15:00", "noon".
    is_plain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Morning,
    Afternoon,
}

impl Hour {
    fn time(self, half: Option<Half>) -> Option<Time> {
        let hour = match half {
            _ if self.is_plain => self.hour,
            Some(Half::Morning) => self.hour % 12,
            Some(Half::Afternoon) => self.hour % 12 + 12,
            None => return None,
        };
        Time::new(i8::try_from(hour).ok()?, i8::try_from(self.minute).ok()?, 0, 0).ok()
    }
}

/// Hours with a zone behind them, and how many words they take; the hours are `None` when they may mean two things.
fn hours_at(words: &[Word]) -> Option<(Option<Span>, usize)> {
    let (first, mut at) = hour_at(words)?;
    let is_range = matches!(words.get(at), Some(Word::Sign('-' | '–' | '—')))
        || is_any(words.get(at), &["to", "until", "till", "à", "a"]);
    let last = words.get(at + 1..).filter(|_| is_range).and_then(hour_at);
    if let Some((_, length)) = last {
        at += 1 + length;
    } else if !first.is_whole {
        return None;
    }
    at += usize::from(words.get(at) == Some(&Word::Sign(',')));
    let (zone, name, length) = zone_at(&words[at..])?;
    let last = last.map(|(hour, _)| hour);
    Some((times(first, last).map(|(starts, ends)| Span { starts, ends, zone, name }), at + length))
}

/// Begin and end of a range. "11 to 12:30 p.m." begins in the morning, for it would else end before it begins.
fn times(first: Hour, last: Option<Hour>) -> Option<(Time, Option<Time>)> {
    let Some(last) = last else { return Some((first.time(first.half)?, None)) };
    let ends = last.time(last.half)?;
    let starts = match first.half {
        None if !first.is_plain => {
            let same = first.time(last.half)?;
            if same < ends { same } else { first.time(Some(Half::Morning))? }
        }
        half => first.time(half)?,
    };
    (starts < ends).then_some((starts, Some(ends)))
}

fn hour_at(words: &[Word]) -> Option<(Hour, usize)> {
    if is_any(words.first(), &["noon", "midday", "midi"]) {
        return Some((Hour { hour: 12, minute: 0, half: None, is_whole: true, is_plain: true }, 1));
    }
    let Some(Word::Number(hour @ 0..=23, digits @ 1..=2)) = words.first() else { return None };
    let (minute, mut at) = match words.get(1..) {
        Some([Word::Sign(':' | '.'), Word::Number(minute @ 0..=59, 2), ..]) => (Some(*minute), 3),
        // "11h" and "11h30".
        Some([Word::Letters(h), Word::Number(minute @ 0..=59, 2), ..]) if h == "h" => (Some(*minute), 3),
        Some([Word::Letters(h), ..]) if h == "h" => (Some(0), 2),
        _ => (None, 1),
    };
    let half = match words.get(at) {
        Some(Word::Letters(word)) if word == "am" => Some(Half::Morning),
        Some(Word::Letters(word)) if word == "pm" => Some(Half::Afternoon),
        _ => None,
    };
    at += usize::from(half.is_some());
    let has_half = half.is_some() && (1..=12).contains(hour);
    if half.is_some() && !has_half {
        return None;
    }
    // "8:00" may be in the evening, "08:00" is not, and who begins at three at night says so.
    let is_plain = half.is_none() && minute.is_some() && (*hour >= 8 || *digits == 2);
    Some((
        Hour { hour: *hour, minute: minute.unwrap_or(0), half, is_whole: minute.is_some() || has_half, is_plain },
        at,
    ))
}

/// A zone at the beginning of some words, what it is called, and how many it takes.
fn zone_at(words: &[Word]) -> Option<(Zone, String, usize)> {
    let bracket = usize::from(words.first() == Some(&Word::Sign('(')));
    let words = &words[bracket..];
    let ahead = |name: &str, sign: char, hours: u32| {
        let seconds = i32::try_from(hours.min(14)).ok()? * 3600 * if sign == '+' { 1 } else { -1 };
        Some((Zone::ahead(seconds)?, format!("{name}{sign}{hours}"), 3 + bracket))
    };
    if let [Word::Letters(name), Word::Sign(sign @ ('+' | '-' | '−' | '–')), Word::Number(hours @ 0..=14, 1..=2), ..] =
        words
        && matches!(name.as_str(), "utc" | "gmt")
    {
        return ahead(&name.to_uppercase(), if *sign == '+' { '+' } else { '−' }, *hours);
    }
    let letters: Vec<&str> = words
        .iter()
        .take(5)
        .map_while(|word| match word {
            Word::Letters(word) => Some(word.as_str()),
            _ => None,
        })
        .collect();
    for length in (1..=letters.len()).rev() {
        let name = letters[..length].join(" ");
        if let Some(zone) = Zone::named(&name) {
            let shown = if length == 1 && name.len() <= 5 { name.to_uppercase() } else { titled(&name) };
            return Some((zone, shown, length + bracket));
        }
        let city = name.strip_suffix(" time").or_else(|| name.strip_prefix("in "));
        let city = city.or_else(|| name.strip_prefix("heure de ")).or_else(|| name.strip_prefix("hora de "));
        // In brackets, a city alone is enough.
        let city = city.or_else(|| Some(name.as_str()).filter(|_| bracket == 1));
        if let Some((city, zone)) = city.and_then(|city| Some((city, Zone::of_city(city)?))) {
            return Some((zone, titled(city), length + bracket));
        }
    }
    None
}

/// The words with capitals: "Eastern Time".
fn titled(words: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>())
    };
    words.split(' ').map(capital).collect::<Vec<_>>().join(" ")
}

fn is_any(word: Option<&Word>, known: &[&str]) -> bool {
    matches!(word, Some(Word::Letters(word)) if known.contains(&word.as_str()))
}

fn index_at(words: &[Word], names: &[&[&str]]) -> Option<usize> {
    let Some(Word::Letters(word)) = words.first() else { return None };
    names.iter().position(|names| names.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use crate::collect::event::tests::found;

    const ONE: &str = "2024-08-15T15:00:00Z to open|-14400|ET||";
    const HOUR: &str = "2024-08-15T15:00:00Z to 2024-08-15T16:00:00Z|-14400|ET||";

    #[test]
    fn a_line_with_day_year_hour_and_zone_is_an_event() {
        for (line, event) in [
            ("Thursday, 15 August 2024, 11:00 a.m. ET", ONE),
            ("15th August 2024 at 11:00 ET", ONE),
            ("August 15, 2024 | 11 am ET", ONE),
            ("Join us on Thu, Aug. 15, 2024, at 11 A.M. (ET).", ONE),
            ("11:00 ET on Thursday 15 August 2024", ONE),
            ("15 August 2024, 11:00–12:00 ET", HOUR),
            ("15 August 2024, from 11 a.m. to noon ET", HOUR),
            ("15 August 2024, 11–12 p.m. ET", HOUR),
            ("15 August 2024, 11.00 - 12.00 ET / 17.00 - 18.00 CEST", HOUR),
            ("15 August 2024, 1 p.m. CEST", "2024-08-15T11:00:00Z to open|7200|CEST||"),
            ("15 August 2024, 13:00 UTC+2", "2024-08-15T11:00:00Z to open|7200|UTC+2||"),
            ("15 August 2024, 13:00 Geneva time", "2024-08-15T11:00:00Z to open|7200|Geneva||"),
            ("15 August 2024, 11:00 in New York", "2024-08-15T15:00:00Z to open|-14400|New York||"),
            ("15 August 2024, 11:00 (Washington)", "2024-08-15T15:00:00Z to open|-14400|Washington||"),
            (
                "jeudi 15 août 2024, de 13h à 14h30, heure de Paris",
                "2024-08-15T11:00:00Z to 2024-08-15T12:30:00Z|7200|Paris||",
            ),
            ("15 de agosto de 2024, 11:00 hora de Bogota", "2024-08-15T16:00:00Z to open|-18000|Bogota||"),
        ] {
            let html = format!("<p>{line}</p>");
            assert_eq!(found(&html, "A webinar on transfers"), event, "{line}");
        }
    }

    #[test]
    fn what_is_not_sure_is_no_event() {
        for line in [
            "15 August 2024",
            "15 August 2024, 11:00",
            "15 August, 11:00 ET",
            "Friday 15 August 2024, 11:00 ET",
            "31 June 2024, 11:00 ET",
            "15 August 2024, 3:00 ET",
            "15 August 2024, 11:00 EST",
            "15 August 2024, 11:00 CST",
            "15 August 2024, 12:00–11:00 ET",
            "15 August 2024, 25:00 ET",
            "15 August 2024, 11:00 ET or 16 August 2024, 11:00 ET",
            "15 August 2024, 11:00 ET and 15:00 ET",
            "10 March 2024, 2:30 am ET",
            "15 August 2024, 11 ET",
        ] {
            assert_eq!(found(&format!("<p>{line}</p>"), "A webinar on transfers"), "none", "{line}");
        }
    }

    #[test]
    fn a_post_that_is_not_about_an_event_needs_a_line_that_says_when() {
        let line = "15 August 2024, 11:00 ET";
        assert_eq!(found(&format!("<p>They struck on {line}.</p>"), "Coalition condemns a transfer"), "none");
        assert_eq!(found(&format!("<ul><li><b>When:</b> {line}</li></ul>"), "Who is coming?"), ONE);
    }

    #[test]
    fn lines_must_agree_and_may_add_to_each_other() {
        let post = |other: &str| found(&format!("<p>On 15 August 2024, 11:00 ET</p><p>{other}</p>"), "Webinar");
        assert_eq!(post("When: 15 August 2024, 11:00–12:00 ET"), HOUR);
        assert_eq!(post("Questions by 1 August 2024."), ONE);
        assert_eq!(post("The next is on 16 August 2024, 11:00 ET"), "none");
        assert_eq!(
            post("Where: Room XX, Palais des Nations."),
            "2024-08-15T15:00:00Z to open|-14400|ET||Room XX, Palais des Nations"
        );
    }
}
