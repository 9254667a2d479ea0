//! Events as readers get them: told in a line, and as a file for their calendar (RFC 5545). A draft comes in; for each
//! post of it that announces an event still to come, a file goes out. Each has the same UID whenever it is mailed, so that
//! a calendar has it once.

use data_encoding::HEXLOWER;
use jiff::{
    Timestamp, ZonedDateTime,
    tz::{Offset, TimeZone},
};
use sha2::{Digest, Sha256};

use super::{Settings, Size};
use crate::domain::{
    event::{Event, When},
    issue::{Content, Draft},
    phrases::Phrases,
    post::{PostId, StoredPost},
    wire,
};

/// The longest line of a calendar file, in octets (RFC 5545 §3.1).
const MAX_LINE: usize = 75;

/// A calendar file to be attached.
pub(super) struct CalendarFile {
    /// The post that announces its event.
    pub(super) post: PostId,
    /// Its name, ASCII.
    pub(super) name: String,
    /// What is in it; lines end in LF, which the encoder makes CRLF.
    pub(super) content: String,
}

/// The files for a mail of this size; one that shows nothing but titles has none.
pub(super) fn files(settings: &Settings, draft: &Draft, now: Timestamp, size: Size) -> Vec<CalendarFile> {
    let posts: &[StoredPost] = match &draft.content {
        Content::Digest { posts, .. } if size != Size::Titles => posts,
        Content::Post(post) => std::slice::from_ref(post),
        Content::Digest { .. } | Content::Statement(_) => &[],
    };
    let mut files: Vec<CalendarFile> = Vec::new();
    for post in posts {
        let Some(event) = post.post.event.as_ref().filter(|event| !event.has_begun(now)) else { continue };
        let day = first_moment(event).date();
        let same_day = files.iter().filter(|file| file.name.contains(&day.to_string())).count();
        let name = match same_day {
            0 => format!("event-{day}.ics"),
            others => format!("event-{day}-{}.ics", others + 1),
        };
        files.push(CalendarFile { post: post.id, name, content: content(settings, post, event, now) });
    }
    files
}

/// "Thursday 15 August 2024, 11:00–12:00 ET", in the list's language and by the clocks of the place.
pub(super) fn in_words(event: &Event, phrases: &Phrases) -> String {
    let dates = &phrases.dates;
    let day = |at: &ZonedDateTime| dates.write(at, &dates.day).unwrap_or_else(|_| at.date().to_string());
    let starts = first_moment(event);
    match &event.when {
        When::Days { first, last } if first == last => day(&starts),
        When::Days { last, .. } => {
            format!(
                "{} – {}",
                day(&starts),
                last.to_zoned_datetime(TimeZone::UTC).map_or(last.to_string(), |at| day(&at))
            )
        }
        When::Hours { ends, offset, zone, .. } => {
            let begin = format!("{}, {}", day(&starts), starts.strftime("%H:%M"));
            let ends = ends.map(|ends| ends.to_zoned_datetime(clocks(*offset)));
            match ends {
                None => format!("{begin} {zone}"),
                Some(ends) if ends.date() == starts.date() => format!("{begin}–{} {zone}", ends.strftime("%H:%M")),
                Some(ends) => format!("{begin} – {}, {} {zone}", day(&ends), ends.strftime("%H:%M")),
            }
        }
    }
}

/// When it begins, by the clocks of the place.
fn first_moment(event: &Event) -> ZonedDateTime {
    match &event.when {
        When::Days { first, .. } => first
            .to_zoned_datetime(TimeZone::UTC)
            .unwrap_or_else(|_| Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC)),
        When::Hours { starts, offset, .. } => starts.to_zoned_datetime(clocks(*offset)),
    }
}

fn clocks(offset: i32) -> TimeZone {
    Offset::from_seconds(offset).map_or(TimeZone::UTC, TimeZone::fixed)
}

fn content(settings: &Settings, post: &StoredPost, event: &Event, now: Timestamp) -> String {
    let sender = &settings.sender;
    let id = Sha256::digest(format!("{}\n{}", post.feed, post.post.fingerprint));
    let name = if event.name.is_empty() { &post.post.title } else { &event.name };
    let mut calendar = String::new();
    let mut line = |name: &str, value: &str| fold(&mut calendar, &format!("{name}:{value}"));
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", "-//Tidings//Tidings//EN");
    line("METHOD", "PUBLISH");
    line("BEGIN", "VEVENT");
    line("UID", &format!("{}@{}", HEXLOWER.encode(&id[..16]), sender.address.domain()));
    line("DTSTAMP", &utc(now));
    match &event.when {
        When::Days { first, last } => {
            line("DTSTART;VALUE=DATE", &first.strftime("%Y%m%d").to_string());
            // The end is the first day that is none of it (RFC 5545 §3.6.1).
            if let Ok(after) = last.tomorrow() {
                line("DTEND;VALUE=DATE", &after.strftime("%Y%m%d").to_string());
            }
        }
        When::Hours { starts, ends, .. } => {
            line("DTSTART", &utc(*starts));
            if let Some(ends) = ends {
                line("DTEND", &utc(*ends));
            }
        }
    }
    line("SUMMARY", &escaped(name));
    if !event.place.is_empty() {
        line("LOCATION", &escaped(&event.place));
    }
    if let Some(link) = post.post.link.as_deref().and_then(super::view::web_link) {
        line("DESCRIPTION", &escaped(&link));
        line("URL", &link);
    }
    // RFC 5546 §3.2.1 wants to know who publishes it.
    let by = wire::one_line(&sender.name).replace('"', "'");
    line(&format!("ORGANIZER;CN=\"{by}\""), &format!("mailto:{}", sender.address.reveal()));
    line("END", "VEVENT");
    line("END", "VCALENDAR");
    calendar
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text as a value (RFC 5545 §3.3.11), on one line.
fn escaped(text: &str) -> String {
    wire::one_line(text).replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,")
}

/// Writes a line, broken where it grows too long: what goes on begins with a blank. Characters stay whole.
fn fold(calendar: &mut String, line: &str) {
    let mut column = 0;
    for c in line.chars() {
        if column + c.len_utf8() > MAX_LINE {
            calendar.push_str("\n ");
            column = 1;
        }
        calendar.push(c);
        column += c.len_utf8();
    }
    calendar.push('\n');
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::{When, escaped, fold, in_words};
    use crate::domain::{event::Event, phrases::Phrases};

    fn told(language: &str, when: When) -> String {
        in_words(&Event { name: String::new(), when, place: String::new() }, Phrases::of(language))
    }

    #[test]
    fn an_event_is_told_by_the_clocks_of_its_place() {
        let hours = |ends: Option<&str>| When::Hours {
            starts: "2024-08-15T15:00:00Z".parse().expect("an instant"),
            ends: ends.map(|ends| ends.parse().expect("an instant")),
            offset: -4 * 3600,
            zone: "ET".into(),
        };
        assert_eq!(told("en", hours(None)), "Thursday 15 August 2024, 11:00 ET");
        assert_eq!(told("fr", hours(Some("2024-08-15T16:30:00Z"))), "jeudi 15 août 2024, 11:00–12:30 ET");
        assert_eq!(
            told("en", hours(Some("2024-08-16T20:00:00Z"))),
            "Thursday 15 August 2024, 11:00 – Friday 16 August 2024, 16:00 ET"
        );
        let days = |first, last| When::Days { first: date(2024, 9, first), last: date(2024, 9, last) };
        assert_eq!(told("en", days(9, 9)), "Monday 9 September 2024");
        assert_eq!(told("es", days(9, 13)), "lunes 9 de septiembre de 2024 – viernes 13 de septiembre de 2024");
    }

    proptest! {
        #[test]
        fn whatever_a_line_says_comes_back_from_lines_of_75_octets(text in "\\PC{0,300}") {
            let mut folded = String::new();
            fold(&mut folded, &text);
            prop_assert!(folded.lines().all(|line| line.len() <= 75));
            let unfolded = folded.replace("\n ", "");
            prop_assert_eq!(unfolded.trim_end_matches('\n'), text.as_str());
        }
    }

    #[test]
    fn a_text_cannot_begin_a_line_of_its_own() {
        assert_eq!(escaped("A, b; c\\d\r\nEND:VEVENT"), "A\\, b\\; c\\\\d END:VEVENT");
    }
}
