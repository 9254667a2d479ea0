//! Spans of time as people read them in reasons: a duration comes in, a few words go out.

use jiff::SignedDuration;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A span as config.toml writes it: `30d`, `48h`, `90m`, `45s`. Days are used from three whole days on.
pub fn written(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    match seconds {
        _ if seconds >= 3 * DAY && seconds % DAY == 0 => format!("{}d", seconds / DAY),
        _ if seconds >= HOUR && seconds % HOUR == 0 => format!("{}h", seconds / HOUR),
        _ if seconds >= 60 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

/// A span in words, in its largest fitting unit: "3 days", "over 50 hours", "1 minute".
pub fn in_words(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let (unit, name) = match seconds {
        _ if seconds >= 3 * DAY => (DAY, "day"),
        _ if seconds >= 2 * HOUR => (HOUR, "hour"),
        _ if seconds >= 60 => (60, "minute"),
        _ => return "less than a minute".into(),
    };
    let count = seconds / unit;
    let over = if seconds % unit == 0 { "" } else { "over " };
    format!("{over}{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{in_words, written};
    use jiff::SignedDuration;

    #[test]
    fn a_span_reads_as_it_is_written() {
        for (minutes, config, words) in [
            (1, "1m", "1 minute"),
            (90, "90m", "90 minutes"),
            (120, "2h", "2 hours"),
            (48 * 60, "48h", "48 hours"),
            (48 * 60 + 1, "2881m", "over 48 hours"),
            (72 * 60, "3d", "3 days"),
            (73 * 60, "73h", "over 3 days"),
            (720 * 60, "30d", "30 days"),
        ] {
            let span = SignedDuration::from_mins(minutes);
            assert_eq!((written(span).as_str(), in_words(span).as_str()), (config, words));
        }
        assert_eq!(written(SignedDuration::from_secs(45)), "45s");
        assert_eq!(in_words(SignedDuration::from_secs(45)), "less than a minute");
        assert_eq!(in_words(SignedDuration::from_secs(-45)), "less than a minute");
    }
}
