//! Whether a post announces an event, and when that is. A post's HTML, as it came and cleaned, comes in; an event goes
//! out, or nothing when anything is unclear: a wrong hour in a thousand calendars is worse than none. What the site
//! marks up for machines is believed first, then a line that says day, year, hour and zone.

mod marked_up;
mod told;
mod zones;

use super::{plain, summary};
use crate::domain::event::{Event, When};

/// Names and places are cut to this many characters.
const MAX_WORDS: usize = 200;

/// The event that a post announces. `raw` is its HTML before cleaning, which takes what is meant for machines out of it.
pub(super) fn announced(raw: &str, clean: &str, title: &str, categories: &[String]) -> Option<Event> {
    let found = match marked_up::events(raw) {
        events if events.is_empty() => told::event(&summary::text_lines(clean), title, categories),
        events => the_one(events),
    }?;
    Some(Event { name: short(&found.name), place: short(&found.place), ..found })
}

/// The one event that all of these are; nothing when they differ.
fn the_one(events: Vec<Option<Event>>) -> Option<Event> {
    let mut events = events.into_iter();
    let first = events.next()??;
    events.all(|other| other.is_some_and(|other| other.when == first.when)).then_some(first)
}

fn short(text: &str) -> String {
    plain::one_line(text).chars().take(MAX_WORDS).collect()
}

/// True when the end, if there is one, comes after the beginning and within a month.
fn is_sound(when: &When) -> bool {
    match when {
        When::Days { first, last } => first <= last && first.until(*last).is_ok_and(|span| span.get_days() <= 31),
        When::Hours { starts, ends, .. } => {
            ends.is_none_or(|ends| ends > *starts && ends.duration_since(*starts).as_hours() <= 31 * 24)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::announced;
    use crate::domain::event::{Event, When};

    /// The event of a post with this text, told in short.
    pub(super) fn found(html: &str, title: &str) -> String {
        let clean = crate::collect::clean::clean_html(html, None);
        match announced(html, &clean, title, &[]) {
            None => "none".into(),
            Some(Event { name, when: When::Days { first, last }, place }) => {
                format!("{first} to {last}|{name}|{place}")
            }
            Some(Event { name, when: When::Hours { starts, ends, offset, zone }, place }) => {
                let ends = ends.map_or("open".into(), |ends| ends.to_string());
                format!("{starts} to {ends}|{offset}|{zone}|{name}|{place}")
            }
        }
    }

    #[test]
    fn what_is_marked_up_for_machines_comes_before_what_is_told() {
        let told = "<p>When: Thursday 15 August 2024, 11:00 ET</p>";
        let json = r#"<script type="application/ld+json">{"@type": "Event", "name": "A panel",
            "startDate": "2024-08-15T12:00:00-04:00"}</script>"#;
        assert_eq!(found(told, "x"), "2024-08-15T15:00:00Z to open|-14400|ET||");
        assert_eq!(found(&format!("{told}{json}"), "x"), "2024-08-15T16:00:00Z to open|-14400|UTC−04:00|A panel|");
    }

    #[test]
    fn two_different_events_are_none() {
        let event = |start: &str| {
            format!(r#"<script type="application/ld+json">{{"@type":"Event","startDate":"{start}"}}</script>"#)
        };
        let (one, other) = (event("2024-08-15T12:00:00Z"), event("2024-08-16T12:00:00Z"));
        assert_eq!(found(&format!("{one}{one}"), "x"), "2024-08-15T12:00:00Z to open|0|UTC||");
        assert_eq!(found(&format!("{one}{other}"), "x"), "none");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(html in "[<>a-z0-9/:\"{}, –.\\-@]{0,200}", words in "(When: |15|3|Aug|August |2024|,| at |11|:00| a\\.m\\.|–|noon| ET|EST|UTC|\\+|Geneva time|<p>|</p>| ){0,40}") {
            for text in [&html, &words] {
                announced(text, text, "Webinar", &[]);
            }
            announced(&format!("<script type='application/ld+json'>{html}</script>"), "", "", &[]);
        }
    }
}
