//! An event that a post announces: what, when and where, so that a reader's calendar can have it.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

/// An event. All of it is plain text on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its name; empty when it is the post's title.
    pub name: String,
    /// When it is.
    pub when: When,
    /// Where it is, as the site says; may be empty.
    pub place: String,
}

/// When an event is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// On whole days, whatever the zone.
    Days {
        /// The first.
        first: Date,
        /// The last; the same for one day.
        last: Date,
    },
    /// At a time.
    Hours {
        /// When it begins.
        starts: Timestamp,
        /// When it ends, if that is said.
        ends: Option<Timestamp>,
        /// How far the clocks there are ahead of UTC as it begins, in seconds.
        offset: i32,
        /// What the site calls their zone, such as "ET".
        zone: String,
    },
}

impl Event {
    /// True when it has begun: nobody needs it in a calendar then.
    pub fn has_begun(&self, now: Timestamp) -> bool {
        match &self.when {
            When::Days { first, .. } => {
                // The day ends last where the clocks are behind most.
                let day = jiff::tz::TimeZone::fixed(jiff::tz::offset(-12)).to_datetime(now).date();
                *first < day
            }
            When::Hours { starts, .. } => *starts <= now,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{Event, When};

    #[test]
    fn an_event_of_a_day_has_begun_when_that_day_is_over_everywhere() {
        let day = date(2024, 8, 15);
        let event = Event { name: String::new(), when: When::Days { first: day, last: day }, place: String::new() };
        for (now, begun) in
            [("2024-08-15T23:00:00Z", false), ("2024-08-16T11:59:59Z", false), ("2024-08-16T12:00:00Z", true)]
        {
            assert_eq!(event.has_begun(now.parse().expect("an instant")), begun, "{now}");
        }
    }
}
