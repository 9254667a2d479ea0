//! Which zone is meant by "ET", "CEST", "UTC+2" or "Geneva time", and what the clocks there show on a day. Words and a
//! wall-clock time come in; an instant goes out, or nothing where the words may mean two things.

use std::{collections::HashMap, sync::LazyLock};

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone},
};

/// A zone by its usual name in English: the name, a place whose clocks it is, and what they must show for it to be meant.
/// Half of those who write "EST" in summer mean what the clocks show, and half do not: then it is unclear.
const NAMED: [(&str, &str, Option<i8>); 28] = [
    ("et", "America/New_York", None),
    ("eastern time", "America/New_York", None),
    ("eastern", "America/New_York", None),
    ("est", "America/New_York", Some(-5)),
    ("edt", "America/New_York", Some(-4)),
    ("central time", "America/Chicago", None),
    ("cdt", "America/Chicago", Some(-5)),
    ("mountain time", "America/Denver", None),
    ("mdt", "America/Denver", Some(-6)),
    ("pt", "America/Los_Angeles", None),
    ("pacific time", "America/Los_Angeles", None),
    ("pdt", "America/Los_Angeles", Some(-7)),
    ("utc", "Etc/UTC", None),
    ("gmt", "Etc/UTC", None),
    ("bst", "Europe/London", Some(1)),
    ("cet", "Europe/Paris", Some(1)),
    ("cest", "Europe/Paris", Some(2)),
    ("cet/cest", "Europe/Paris", None),
    ("mez", "Europe/Berlin", Some(1)),
    ("mesz", "Europe/Berlin", Some(2)),
    ("central european time", "Europe/Paris", None),
    ("central european summer time", "Europe/Paris", Some(2)),
    ("eet", "Europe/Athens", Some(2)),
    ("eest", "Europe/Athens", Some(3)),
    ("sast", "Africa/Johannesburg", None),
    ("jst", "Asia/Tokyo", None),
    ("ict", "Asia/Bangkok", None),
    ("aest", "Australia/Brisbane", None),
];

/// Cities where many events are, and for which the database has another name.
const CITIES: [(&str, &str); 8] = [
    ("geneva", "Europe/Zurich"),
    ("genève", "Europe/Zurich"),
    ("ginebra", "Europe/Zurich"),
    ("the hague", "Europe/Amsterdam"),
    ("washington", "America/New_York"),
    ("washington dc", "America/New_York"),
    ("nairobi", "Africa/Nairobi"),
    ("ottawa", "America/Toronto"),
];

/// Every city of the database by its name in lower case. Two of one name are one that was renamed.
static DATABASE: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    const REGIONS: [&str; 8] = ["Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"];
    let mut cities = HashMap::new();
    for name in jiff::tz::db().available() {
        let name = name.as_str();
        let is_city = name.split_once('/').is_some_and(|(region, _)| REGIONS.contains(&region));
        if let Some((_, city)) = name.rsplit_once('/').filter(|_| is_city) {
            cities.insert(city.replace('_', " ").to_lowercase(), name.to_owned());
        }
    }
    cities
});

/// A zone that somebody has named.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    zone: TimeZone,
    /// How far ahead of UTC its clocks must be for it to be meant.
    must_be: Option<Offset>,
}

impl Zone {
    /// The zone of that name, in lower case and without dots: "et", "eastern time".
    pub(super) fn named(name: &str) -> Option<Self> {
        let (_, place, hours) = NAMED.iter().find(|(known, ..)| *known == name)?;
        Some(Self { zone: TimeZone::get(place).ok()?, must_be: hours.map(jiff::tz::offset) })
    }

    /// The clocks of a city.
    pub(super) fn of_city(city: &str) -> Option<Self> {
        let known = CITIES.iter().find(|(known, _)| *known == city).map(|(_, place)| (*place).to_owned());
        let place = known.or_else(|| DATABASE.get(city).cloned())?;
        Some(Self { zone: TimeZone::get(&place).ok()?, must_be: None })
    }

    /// So many hours and minutes ahead of UTC.
    pub(super) fn ahead(seconds: i32) -> Option<Self> {
        Some(Self { zone: TimeZone::fixed(Offset::from_seconds(seconds).ok()?), must_be: None })
    }

    /// The instant at which the clocks show a time, and how far ahead of UTC they are. Nothing when they show it twice or
    /// never, or when other clocks must be meant.
    pub(super) fn at(&self, time: DateTime) -> Option<(Timestamp, i32)> {
        let zoned = self.zone.to_ambiguous_zoned_datetime(time).unambiguous().ok()?;
        let is_meant = self.must_be.is_none_or(|offset| zoned.offset() == offset);
        is_meant.then(|| (zoned.timestamp(), zoned.offset().seconds()))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{CITIES, NAMED, Zone};

    #[test]
    fn every_name_means_a_zone_of_the_database() {
        for (name, place, _) in NAMED {
            assert!(Zone::named(name).is_some(), "{name}, {place}");
        }
        for (city, place) in CITIES.into_iter().chain([("vientiane", ""), ("new york", ""), ("buenos aires", "")]) {
            assert!(Zone::of_city(city).is_some(), "{city}, {place}");
        }
        assert!(Zone::of_city("atlantis").is_none() && Zone::named("cst").is_none() && Zone::named("ist").is_none());
    }

    #[test]
    fn a_name_for_winter_is_unclear_in_summer() {
        let at = |name: &str, month| {
            Zone::named(name)?.at(date(2024, month, 15).at(11, 0, 0, 0)).map(|(_, offset)| offset / 3600)
        };
        assert_eq!((at("est", 1), at("est", 8), at("edt", 8), at("et", 8)), (Some(-5), None, Some(-4), Some(-4)));
        assert_eq!((at("bst", 1), at("bst", 8), at("cet", 8), at("cest", 8)), (None, Some(1), None, Some(2)));
    }

    #[test]
    fn an_hour_that_the_clocks_skip_or_show_twice_is_unclear() {
        let zone = Zone::named("et").expect("known");
        assert!(zone.at(date(2024, 3, 10).at(2, 30, 0, 0)).is_none());
        assert!(zone.at(date(2024, 11, 3).at(1, 30, 0, 0)).is_none());
    }
}
