//! Time zones by name: a name such as `America/New_York` comes in, the zone and its proper spelling go out. The rules
//! are jiff's bundled ones; the machine's own files are never read.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone is not in the IANA database.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a time zone{}", suggestion(near.as_deref()))]
pub struct ZoneError {
    /// What was typed, cut short and without control characters.
    pub name: String,
    /// A zone that was perhaps meant.
    pub near: Option<String>,
}

fn suggestion(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None => " (expected a name such as `Europe/Paris`)".into(),
    }
}

/// The zone of that name, in any case, with its proper spelling.
///
/// # Errors
/// When there is none of that name.
pub fn zone_named(name: &str) -> Result<(TimeZone, String), ZoneError> {
    let zone = BUNDLED.get(name).ok().filter(|zone| !zone.is_unknown());
    let spelled = zone.as_ref().and_then(TimeZone::iana_name).map(str::to_owned);
    match zone.zip(spelled) {
        Some(found) => Ok(found),
        None => Err(ZoneError { name: super::field::quoted(name), near: near(name) }),
    }
}

/// The zone whose name, or last part of the name, differs by a slip of the keyboard. Short names are left alone: the
/// nearest to `PST` is `EST`, and that is worse than nothing.
fn near(name: &str) -> Option<String> {
    let typed = name.trim().to_lowercase().replace(' ', "_");
    let length = typed.chars().count();
    if !(5..=40).contains(&length) {
        return None;
    }
    let city = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let distance = |zone: &str| {
        let zone = zone.to_lowercase();
        let whole = strsim::damerau_levenshtein(&typed, &zone);
        whole.min(strsim::damerau_levenshtein(&city(&typed), &city(&zone)))
    };
    let best = BUNDLED.available().map(|zone| (distance(zone.as_str()), zone.as_str().to_owned())).min()?;
    (best.0 <= length / 5).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::zone_named;

    #[test]
    fn an_unknown_zone_names_the_one_that_was_meant() {
        let error = |name: &str| zone_named(name).map(|(_, name)| name).expect_err("unknown").to_string();
        assert_eq!(
            error("Amercia/New_York"),
            "`Amercia/New_York` is not a time zone; did you mean `America/New_York`?"
        );
        assert_eq!(error("New York"), "`New York` is not a time zone; did you mean `America/New_York`?");
        assert_eq!(error("Europe/Pariss"), "`Europe/Pariss` is not a time zone; did you mean `Europe/Paris`?");
        assert_eq!(error("PST"), "`PST` is not a time zone (expected a name such as `Europe/Paris`)");
        for odd in ["", "/", "Etc/Unknown", "../../etc/passwd", "Mars/Olympus_Mons", "+05:00", "\u{1b}[2J"] {
            assert!(zone_named(odd).is_err(), "{odd:?}");
        }
        assert!(!error(&"\u{1b}é".repeat(10_000)).contains('\u{1b}'));
        assert!(error(&"x".repeat(10_000)).len() < 200);
    }
}
