//! A crontab line in plain words: the line, read, comes in, a phrase goes out. The words never say anything else than
//! the line does: where no short phrase is exact, they give the numbers. In languages besides English only the usual
//! schedules are told; others are said to have set times.

use super::{
    field::{MONTHS, Numbers, WEEKDAYS},
    line::{DayRule, Line},
};
use crate::domain::phrases::{Dates, ScheduleWords, fill};

/// More than this many of a kind are not told one by one, when there is another exact way.
const FEW: usize = 6;

/// "at 09:00 on Monday, New York time".
pub(super) fn describe(line: &Line, zone: &str) -> String {
    format!("{}{}, {}", times(line), days(line), zone_words(zone))
}

/// "le lundi à 09:00, heure de New York": what runs once a day, a week or a month; else that it has set times.
pub(super) fn in_short(line: &Line, zone: &str, words: &ScheduleWords, dates: &Dates) -> String {
    let city = zone_words(zone);
    let zone = city.strip_suffix(" time").map_or_else(|| city.clone(), |city| fill(&words.zone, &[("city", city)]));
    let (minute, hour, day, weekday) = (line.minutes, line.hours, line.days, line.weekdays);
    let time = clock(hour.ends().0, minute.ends().0);
    let any = [("time", time.as_str()), ("zone", zone.as_str())];
    match (minute.len(), hour.len(), line.months.len(), day.len(), weekday.len()) {
        (1, 1, 12, 31, 7) => fill(&words.daily, &any),
        (1, 1, 12, 31, 1) if line.rule == DayRule::Both => {
            let from_monday = (weekday.ends().0 + 6) % 7;
            let weekday = dates.weekday(i8::try_from(from_monday).unwrap_or_default());
            fill(&words.weekly, &[any[0], any[1], ("weekday", weekday)])
        }
        (1, 1, 12, 1, 7) if line.rule == DayRule::Both => {
            fill(&words.monthly, &[any[0], any[1], ("day", &day.ends().0.to_string())])
        }
        _ => words.at_set_times.clone(),
    }
}

/// "America/New_York" is New York time; what has not just a region and a city is named in full.
fn zone_words(zone: &str) -> String {
    match zone.split_once('/') {
        _ if matches!(zone, "UTC" | "Etc/UTC") => "UTC".into(),
        Some((region, city)) if region != "Etc" && !city.contains('/') => format!("{} time", city.replace('_', " ")),
        _ => format!("{zone} time"),
    }
}

fn times(line: &Line) -> String {
    let (minutes, hours) = (line.minutes, line.hours);
    let regular = regular_minutes(minutes);
    if hours.len() == 24 {
        return match regular {
            Some(regular) => regular,
            None if minutes.iter().eq([0]) => "every hour on the hour".into(),
            None => format!("{} of every hour", some_minutes(minutes)),
        };
    }
    if minutes.len() * hours.len() <= FEW {
        let all = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| clock(hour, minute)));
        return format!("at {}", and(all.collect()));
    }
    let ((first_hour, last_hour), (first_minute, last_minute)) = (hours.ends(), minutes.ends());
    let span = format!("from {} to {}", clock(first_hour, first_minute), clock(last_hour, last_minute));
    match (regular, step(hours)) {
        (Some(regular), Some(1)) => format!("{regular} {span}"),
        (Some(regular), _) => format!("{regular} of {}", some_hours(hours)),
        (None, Some(1)) if minutes.len() == 1 => format!("every hour {span}"),
        (None, Some(step)) if minutes.len() == 1 => format!("every {step} hours {span}"),
        (None, _) => format!("{} of {}", some_minutes(minutes), some_hours(hours)),
    }
}

/// "every minute", "every 15 minutes": only what goes evenly round the hour.
fn regular_minutes(minutes: Numbers) -> Option<String> {
    match step(minutes).map(usize::from) {
        Some(1) if minutes.len() == 60 => Some("every minute".into()),
        Some(step) if minutes.len() > 1 && step * minutes.len() == 60 && minutes.ends().0 == 0 => {
            Some(format!("every {step} minutes"))
        }
        _ => None,
    }
}

fn some_minutes(minutes: Numbers) -> String {
    let (first, last) = minutes.ends();
    match step(minutes) {
        Some(1) if minutes.len() > FEW => format!("at each minute from {first} to {last}"),
        Some(step) if minutes.len() > FEW => format!("at every {} minute from {first} to {last}", ordinal(step)),
        _ if minutes.len() == 1 => format!("at minute {first}"),
        _ => format!("at minutes {}", and(minutes.iter().map(|minute| minute.to_string()).collect())),
    }
}

fn some_hours(hours: Numbers) -> String {
    let (first, last) = hours.ends();
    match step(hours) {
        Some(1) if hours.len() > 2 => format!("each hour from {} to {}", clock(first, 0), clock(last, 59)),
        Some(step) if hours.len() > FEW => {
            format!("every {} hour from {} to {}", ordinal(step), clock(first, 0), clock(last, 59))
        }
        _ => format!("the hours that begin at {}", and(hours.iter().map(|hour| clock(hour, 0)).collect())),
    }
}

fn days(line: &Line) -> String {
    let any_day = line.days.len() == 31;
    let any_weekday = line.weekdays.len() == 7;
    let every_day = match line.rule {
        DayRule::Both => any_day && any_weekday,
        DayRule::Either => any_day || any_weekday,
    };
    let in_months = some_months(line.months).map_or(String::new(), |months| format!(", {months}"));
    if every_day {
        let word = if line.hours.len() == 24 { "" } else { " every day" };
        return format!("{word}{in_months}");
    }
    match line.rule {
        DayRule::Both if any_day => format!(" {}{in_months}", some_weekdays(line.weekdays, "on")),
        DayRule::Both if any_weekday => format!(" {}", some_days(line, &of_months(line.months))),
        DayRule::Both => {
            let days = some_days(line, &of_months(line.months));
            format!(" {} but only {days}", some_weekdays(line.weekdays, "on"))
        }
        DayRule::Either => {
            let weekdays = some_weekdays(line.weekdays, "on every");
            format!(" {} and also {weekdays}{in_months}", some_days(line, "the month"))
        }
    }
}

/// "on Monday", "from Monday to Friday": the week begins on Monday here.
fn some_weekdays(weekdays: Numbers, on: &str) -> String {
    let from_monday: Numbers = weekdays.iter().map(|day| (day + 6) % 7).collect();
    let name = |day: u8| WEEKDAYS[usize::from((day + 1) % 7)];
    let (first, last) = from_monday.ends();
    match step(from_monday) {
        Some(1) if from_monday.len() > 2 => format!("from {} to {}", name(first), name(last)),
        _ => format!("{on} {}", and(from_monday.iter().map(|day| name(day).to_owned()).collect())),
    }
}

/// "on the 1st of every month", "from the 1st to the 7th of May".
fn some_days(line: &Line, of: &str) -> String {
    let days = line.days;
    let (first, last) = (ordinal(days.ends().0), ordinal(days.ends().1));
    let words = match step(days) {
        Some(1) if days.len() > 2 => format!("from the {first} to the {last} of {of}"),
        Some(step) if days.len() > FEW => {
            format!("on every {} day from the {first} to the {last} of {of}", ordinal(step))
        }
        _ => format!("on the {} of {of}", and(days.iter().map(ordinal).collect())),
    };
    if line.always_has_its_days() || days.len() > FEW { words } else { format!("{words} (where there is one)") }
}

/// The months as the owners of days: "every month", "May and June".
fn of_months(months: Numbers) -> String {
    match some_months(months) {
        None => "every month".into(),
        Some(months) => match months.strip_prefix("in ") {
            Some(few) => few.into(),
            None => format!("each month {months}"),
        },
    }
}

/// "in January", "from April to October"; nothing when it is every month.
fn some_months(months: Numbers) -> Option<String> {
    let name = |month: u8| MONTHS[usize::from(month) - 1];
    let (first, last) = months.ends();
    match step(months) {
        Some(1) if months.len() == 12 => None,
        Some(1) if months.len() > 2 => Some(format!("from {} to {}", name(first), name(last))),
        _ => Some(format!("in {}", and(months.iter().map(|month| name(month).to_owned()).collect()))),
    }
}

/// The distance from each number to the next, when it is always the same; 1 for a single number.
fn step(numbers: Numbers) -> Option<u8> {
    let all: Vec<u8> = numbers.iter().collect();
    let mut steps = all.windows(2).map(|pair| pair[1] - pair[0]);
    let first = steps.next().unwrap_or(1);
    steps.all(|step| step == first).then_some(first)
}

fn clock(hour: u8, minute: u8) -> String {
    format!("{hour:02}:{minute:02}")
}

fn ordinal(number: u8) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn and(mut words: Vec<String>) -> String {
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last } else { format!("{} and {last}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::{describe, in_short};
    use crate::domain::{phrases::Phrases, schedule::line::Line};

    #[test]
    fn a_line_is_told_in_words_that_are_exact() {
        for (line, words) in [
            ("0 9 * * MON", "at 09:00 on Monday"),
            ("0 9 * * *", "at 09:00 every day"),
            ("0 9,17 * * 1-5", "at 09:00 and 17:00 from Monday to Friday"),
            ("0,30 9 * * 6,7", "at 09:00 and 09:30 on Saturday and Sunday"),
            ("0 9 * * 5-7", "at 09:00 from Friday to Sunday"),
            ("* * * * *", "every minute"),
            ("*/15 * * * *", "every 15 minutes"),
            ("*/30 * * * *", "every 30 minutes"),
            ("0 * * * *", "every hour on the hour"),
            ("@hourly", "every hour on the hour"),
            ("@weekly", "at 00:00 on Sunday"),
            ("@yearly", "at 00:00 on the 1st of January"),
            ("*/7 * * * *", "at every 7th minute from 0 to 56 of every hour"),
            ("5,10 * * * *", "at minutes 5 and 10 of every hour"),
            ("15 * * * 1", "at minute 15 of every hour on Monday"),
            ("10-50 * * * *", "at each minute from 10 to 50 of every hour"),
            ("5-59/15 * * * *", "at minutes 5, 20, 35 and 50 of every hour"),
            ("*/15 9-17 * * 1-5", "every 15 minutes from 09:00 to 17:45 from Monday to Friday"),
            ("* 9 * * *", "every minute from 09:00 to 09:59 every day"),
            ("30 8-18 * * *", "every hour from 08:30 to 18:30 every day"),
            ("0 */2 * * *", "every 2 hours from 00:00 to 22:00 every day"),
            ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00 every day"),
            ("*/15 1,5,9 * * *", "every 15 minutes of the hours that begin at 01:00, 05:00 and 09:00 every day"),
            ("5,20,40 8-18 * * *", "at minutes 5, 20 and 40 of each hour from 08:00 to 18:59 every day"),
            ("5,20 */2 * * *", "at minutes 5 and 20 of every 2nd hour from 00:00 to 22:59 every day"),
            (
                "0 1,2,3,5,8,13,21 * * *",
                "at minute 0 of the hours that begin at 01:00, 02:00, 03:00, 05:00, 08:00, 13:00 and 21:00 every day",
            ),
            ("0 9 1,15 * *", "at 09:00 on the 1st and 15th of every month"),
            ("0 9 1-7 * *", "at 09:00 from the 1st to the 7th of every month"),
            ("0 9 31 * *", "at 09:00 on the 31st of every month (where there is one)"),
            ("0 9 31 12 *", "at 09:00 on the 31st of December"),
            ("0 9 */2 * *", "at 09:00 on every 2nd day from the 1st to the 31st of every month"),
            ("0 9 13 * 5", "at 09:00 on the 13th of the month and also on every Friday"),
            ("0 9 1,15 6,7 1", "at 09:00 on the 1st and 15th of the month and also on every Monday, in June and July"),
            (
                "0 9 */10 * 1",
                "at 09:00 on Monday but only on the 1st, 11th, 21st and 31st of every month (where there is one)",
            ),
            ("0 9 13 * 0-6", "at 09:00 every day"),
            ("0 9 1-31 * 1", "at 09:00 every day"),
            ("0 9 1-31 * *", "at 09:00 every day"),
            ("0 9 * 4-10 *", "at 09:00 every day, from April to October"),
            ("0 * * 1,3 *", "every hour on the hour, in January and March"),
            ("0 9 5 4-10 *", "at 09:00 on the 5th of each month from April to October"),
            (
                "0 9 30,31 2 1-5",
                "at 09:00 on the 30th and 31st of the month (where there is one) and also from Monday to Friday, in February",
            ),
            ("0 9 22,23,11 * *", "at 09:00 on the 11th, 22nd and 23rd of every month"),
        ] {
            let line = Line::parse(line).expect(line);
            assert_eq!(describe(&line, "Etc/UTC"), format!("{words}, UTC"), "{}", line.text);
        }
    }

    #[test]
    fn other_languages_tell_the_usual_schedules() {
        for (language, line, words) in [
            ("fr", "0 9 * * MON", "le lundi à 09:00, heure de New York"),
            ("fr", "30 7 * * *", "chaque jour à 07:30, heure de New York"),
            ("es", "0 9 1 * *", "el día 1 de cada mes a las 09:00, hora de New York"),
            ("fr", "0 9 * * SUN", "le dimanche à 09:00, heure de New York"),
            ("fr", "0 9 * * MON,THU", "à heures fixes"),
            ("fr", "0 9 1 * MON", "à heures fixes"),
            ("fr", "0 9 1 1 *", "à heures fixes"),
            ("fr", "*/5 9 * 1 *", "à heures fixes"),
        ] {
            let (line, phrases) = (Line::parse(line).expect("valid"), Phrases::of(language));
            let schedule = phrases.schedule.as_ref().expect("it has words for schedules");
            assert_eq!(in_short(&line, "America/New_York", schedule, &phrases.dates), words);
        }
    }

    #[test]
    fn a_zone_is_told_by_its_city() {
        let line = Line::parse("0 9 * * MON").expect("valid");
        for (zone, words) in [
            ("America/New_York", "New York time"),
            ("Australia/Lord_Howe", "Lord Howe time"),
            ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires time"),
            ("Etc/GMT+5", "Etc/GMT+5 time"),
            ("EST5EDT", "EST5EDT time"),
            ("UTC", "UTC"),
        ] {
            assert_eq!(describe(&line, zone), format!("at 09:00 on Monday, {words}"));
        }
    }
}
