//! Events as sites mark them up for machines, by the vocabulary of schema.org: JSON-LD in a script, and microdata in
//! attributes. HTML as it came goes in; each event goes out, or `None` in the place of one that is off or unclear.

use jiff::{Timestamp, civil, fmt::temporal::Pieces, tz::Offset};
use serde_json::Value;

use super::is_sound;
use crate::{
    collect::{
        plain,
        tags::{Token, Tokens},
    },
    domain::event::{Event, When},
};

/// A post with more than this many is a calendar, and not an announcement.
const MOST: usize = 20;

/// Every event of the HTML.
pub(super) fn events(html: &str) -> Vec<Option<Event>> {
    let mut found = Vec::new();
    for script in scripts(html) {
        if let Ok(value) = serde_json::from_str::<Value>(script) {
            gather(&value, &mut found);
        }
    }
    if found.is_empty() {
        found = microdata(html);
    }
    found
}

/// What stands in each `<script type="application/ld+json">`.
fn scripts(html: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let lower = html.to_ascii_lowercase();
    let mut at = 0;
    while let Some(begin) = lower[at..].find("<script") {
        let begin = at + begin;
        let Some(inner) = lower[begin..].find('>').map(|end| begin + end + 1) else { break };
        let end = lower[inner..].find("</script").map_or(html.len(), |end| inner + end);
        if lower[begin..inner].contains("application/ld+json") {
            found.push(&html[inner..end]);
        }
        at = end;
    }
    found
}

/// The events of a value: itself, or those in a list or in its `@graph`.
fn gather(value: &Value, found: &mut Vec<Option<Event>>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
        Value::Object(fields) if found.len() < MOST => {
            if fields.get("@type").is_some_and(is_event) {
                found.push(of_json(value));
            } else if let Some(graph) = fields.get("@graph") {
                gather(graph, found);
            }
        }
        _ => {}
    }
}

/// `Event`, `EducationEvent` and their like; a type may be a list.
fn is_event(kind: &Value) -> bool {
    match kind {
        Value::String(kind) => kind.ends_with("Event"),
        Value::Array(kinds) => kinds.iter().any(is_event),
        _ => false,
    }
}

fn of_json(event: &Value) -> Option<Event> {
    let is_off = event["eventStatus"].as_str().is_some_and(|status| !status.ends_with("EventScheduled"));
    let start = event["startDate"].as_str().filter(|_| !is_off)?;
    let when = when(start, event["endDate"].as_str())?;
    let place = match &event["location"] {
        Value::String(place) => place.as_str(),
        Value::Array(places) => places.first().and_then(|place| place["name"].as_str()).unwrap_or_default(),
        place => place["name"].as_str().unwrap_or_default(),
    };
    let text = |text: &str| plain::one_line(&plain::decode(text));
    Some(Event { name: text(event["name"].as_str().unwrap_or_default()), when, place: text(place) })
}

/// The event of `<div itemscope itemtype="https://schema.org/Event">`. Only what stands in attributes is read, which is
/// where dates stand.
fn microdata(html: &str) -> Vec<Option<Event>> {
    let mut dates: Vec<(Option<&str>, Option<&str>)> = Vec::new();
    for token in Tokens::new(html) {
        let Token::Open(tag) = token else { continue };
        let kind = tag.get("itemtype").unwrap_or_default();
        if kind.contains("schema.org/") && kind.ends_with("Event") && dates.len() < MOST {
            dates.push((None, None));
        }
        let Some(last) = dates.last_mut() else { continue };
        let value = tag.get("content").or_else(|| tag.get("datetime"));
        match tag.get("itemprop") {
            Some("startDate") => last.0 = value,
            Some("endDate") => last.1 = value,
            _ => {}
        }
    }
    let event = |(start, end): (Option<&str>, Option<&str>)| {
        let when = when(start?, end)?;
        Some(Event { name: String::new(), when, place: String::new() })
    };
    dates.into_iter().map(event).collect()
}

/// A moment as ISO 8601 has it. An hour without a zone is unclear.
enum Moment {
    Day(civil::Date),
    Hour(Timestamp, Offset),
}

fn moment(text: &str) -> Option<Moment> {
    let pieces = Pieces::parse(text.trim()).ok()?;
    match (pieces.time(), pieces.to_numeric_offset()) {
        (None, None) => Some(Moment::Day(pieces.date())),
        (Some(time), Some(offset)) => {
            let at = offset.to_timestamp(pieces.date().to_datetime(time)).ok()?;
            Some(Moment::Hour(at, offset))
        }
        _ => None,
    }
}

fn when(start: &str, end: Option<&str>) -> Option<When> {
    let end = match end.filter(|end| !end.trim().is_empty()) {
        Some(end) => Some(moment(end)?),
        None => None,
    };
    let when = match (moment(start)?, end) {
        (Moment::Day(first), None) => When::Days { first, last: first },
        (Moment::Day(first), Some(Moment::Day(last))) => When::Days { first, last },
        (Moment::Hour(starts, offset), None) => hours(starts, None, offset),
        (Moment::Hour(starts, offset), Some(Moment::Hour(ends, _))) => hours(starts, Some(ends), offset),
        _ => return None,
    };
    is_sound(&when).then_some(when)
}

fn hours(starts: Timestamp, ends: Option<Timestamp>, offset: Offset) -> When {
    let minutes = offset.seconds() / 60;
    let zone = match minutes {
        0 => "UTC".to_owned(),
        _ => {
            let sign = if minutes < 0 { '−' } else { '+' };
            format!("UTC{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        }
    };
    When::Hours { starts, ends, offset: offset.seconds(), zone }
}

#[cfg(test)]
mod tests {
    use crate::collect::event::tests::found;

    fn json(event: &str) -> String {
        found(&format!("<SCRIPT type='application/ld+json'>{event}</SCRIPT><p>Text</p>"), "x")
    }

    #[test]
    fn events_in_json_ld_are_found() {
        assert_eq!(
            json(
                r#"{"@context": "https://schema.org", "@graph": [{"@type": "WebPage"}, {"@type": ["Thing", "EducationEvent"],
                "name": "Q&amp;A", "startDate": "2024-08-15T11:00-04:00", "endDate": "2024-08-15T12:30-04:00",
                "eventStatus": "https://schema.org/EventScheduled", "location": {"@type": "Place", "name": "Room XX"}}]}"#
            ),
            "2024-08-15T15:00:00Z to 2024-08-15T16:30:00Z|-14400|UTC−04:00|Q&A|Room XX"
        );
        assert_eq!(
            json(r#"[{"@type": "Event", "startDate": "2024-09-09", "endDate": "2024-09-13", "location": "Geneva"}]"#),
            "2024-09-09 to 2024-09-13||Geneva"
        );
    }

    #[test]
    fn an_event_that_is_off_or_unclear_is_none() {
        for unclear in [
            r#"{"@type": "Event", "startDate": "2024-08-15T11:00"}"#,
            r#"{"@type": "Event", "startDate": "soon"}"#,
            r#"{"@type": "Event"}"#,
            r#"{"@type": "Event", "startDate": "2024-08-15", "eventStatus": "https://schema.org/EventCancelled"}"#,
            r#"{"@type": "Event", "startDate": "2024-08-15T11:00Z", "endDate": "2024-08-15T10:00Z"}"#,
            r#"{"@type": "Event", "startDate": "2024-08-15", "endDate": "2025-08-15"}"#,
            r#"{"@type": "NewsArticle", "datePublished": "2024-08-15"}"#,
            r#"{"@type": "Event", "startDate": "#,
        ] {
            assert_eq!(json(unclear), "none", "{unclear}");
        }
    }

    #[test]
    fn events_in_microdata_are_found() {
        let html = "<div itemscope itemtype=\"http://schema.org/Event\"><meta itemprop=startDate content=\"2024-08-15T11:00:00+02:00\">\
                    <time itemprop=\"endDate\" datetime=\"2024-08-15T13:00:00+02:00\">one</time></div>";
        assert_eq!(found(html, "x"), "2024-08-15T09:00:00Z to 2024-08-15T11:00:00Z|7200|UTC+02:00||");
    }
}
