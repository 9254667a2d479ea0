//! Spans of time as people write and read them: `10m` comes in, and a duration, or a few words, go out.

use jiff::SignedDuration;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A number and its unit: `10m`, `10 MB`. The unit may be empty, and is not looked at.
pub fn quantity(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

/// The span that is written so: a whole number with s, m, h or d. One too long to be counted is the longest there is.
pub fn read(text: &str) -> Option<SignedDuration> {
    let (number, unit) = quantity(text)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    let seconds = i64::try_from(number).ok().and_then(|number| number.checked_mul(unit));
    Some(seconds.map_or(SignedDuration::MAX, SignedDuration::from_secs))
}

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
    use super::{in_words, quantity, read, written};
    use jiff::SignedDuration;

    #[test]
    fn a_quantity_is_a_number_and_a_unit() {
        assert_eq!(quantity("10m"), Some((10, "m")));
        assert_eq!(quantity(" 10 MB "), Some((10, "MB")));
        for bad in ["", "m", "10", "99999999999999999999s", "-1m", "１m"] {
            assert_eq!(quantity(bad).filter(|(_, unit)| !unit.is_empty()), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for seconds in [0, 1, 90, 600, 7_200, 3 * 86_400] {
            let span = SignedDuration::from_secs(seconds);
            assert_eq!(read(&written(span)), Some(span));
        }
        for bad in ["", "m", "10", "10 minutes", "-1m", "1.5h", "1M"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(read("9999999999999999999d"), Some(SignedDuration::MAX));
    }

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
