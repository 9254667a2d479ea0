//! Times and sizes in words, for the pages. Instants and octet counts come in; text with its zone or unit goes out.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

/// An instant as a page shows it, always with its zone.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Moment {
    /// For a list: the time alone if it was today, else with its day.
    pub(super) short: String,
    /// In full.
    pub(super) full: String,
    /// For machines (RFC 3339).
    pub(super) iso: String,
}

impl Moment {
    /// `at` as seen from `now` in `zone`.
    pub(super) fn new(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        let (then, today) = (at.to_zoned_datetime(zone.clone()), now.to_zoned_datetime(zone.clone()));
        let short = if then.date() == today.date() {
            "%H:%M %Z"
        } else if then.year() == today.year() {
            "%-d %b, %H:%M %Z"
        } else {
            "%-d %b %Y, %H:%M %Z"
        };
        Self {
            short: then.strftime(short).to_string(),
            full: then.strftime("%A, %-d %B %Y, %H:%M:%S %Z").to_string(),
            iso: at.to_string(),
        }
    }
}

/// A count of octets in words: `640 B`, `36 KB`, `1.2 MB`, in steps of 1,000.
pub(super) fn size(octets: usize) -> String {
    match octets {
        0..1_000 => format!("{octets} B"),
        1_000..999_500 => format!("{} KB", (octets + 500) / 1_000),
        _ => format!("{:.1} MB", octets as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, size};
    use jiff::tz::TimeZone;

    #[test]
    fn a_time_always_carries_its_zone() {
        let zone = TimeZone::get("America/New_York").expect("zone data is bundled");
        let at = "2026-11-23T14:05:09Z".parse().expect("it is an instant");
        let short = |now: &str| Moment::new(at, now.parse().expect("it is an instant"), &zone).short;
        assert_eq!(short("2026-11-24T04:59:59Z"), "09:05 EST");
        assert_eq!(short("2026-11-24T05:00:00Z"), "23 Nov, 09:05 EST");
        assert_eq!(short("2027-11-23T14:05:09Z"), "23 Nov 2026, 09:05 EST");
        assert_eq!(Moment::new(at, at, &zone).full, "Monday, 23 November 2026, 09:05:09 EST");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(
            [640, 999, 1_000, 36_499, 999_499, 999_500, 1_250_000].map(size),
            ["640 B", "999 B", "1 KB", "36 KB", "999 KB", "1.0 MB", "1.2 MB"]
        );
    }
}
