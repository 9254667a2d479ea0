//! Schedules against an independent reader of crontab, against tables of the days when the clocks change, and
//! against their own promises. No clock is asked here.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp, civil::DateTime};
use proptest::prelude::*;
use tidings::domain::schedule::{Schedule, SlotTime};

fn schedule(line: &str, zone: &str) -> Schedule {
    Schedule::parse(line, zone).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// Lines with the times that croniter finds; `make.py` beside it says how it was made.
const ORACLE: &str = include_str!("../fixtures/cron/next.tsv");

/// The minutes jumped over before each time of a row, as in `make.py`.
const JUMPS: [i64; 8] = [0, 0, 0, 61, 1_447, 12_983, 57_611, 500_009];

fn oracle_lines() -> Vec<&'static str> {
    ORACLE.lines().filter_map(|row| row.split('\t').next()).collect()
}

#[test]
fn five_hundred_random_lines_run_when_another_reader_of_crontab_says() {
    let rows: Vec<_> = ORACLE.lines().collect();
    assert_eq!(rows.len(), 500);
    for row in rows {
        let columns: Vec<&str> = row.split('\t').collect();
        let [line, start, steps] = columns[..] else { panic!("three columns: {row}") };
        let schedule = schedule(line, "UTC");
        let mut before = instant(start);
        let steps: Vec<i64> = steps.split(' ').map(|step| step.parse().expect("a number")).collect();
        assert_eq!(steps.len(), JUMPS.len(), "{row}");
        for (step, jump) in steps.into_iter().zip(JUMPS) {
            let expected = before + minutes(step);
            let slot = schedule.slots_after(before + minutes(jump)).next().expect(line);
            assert_eq!(slot.at, expected, "{line}: after {before} and {jump} minutes");
            assert_eq!(slot.local.to_string(), expected.to_string().trim_end_matches('Z'), "{line}");
            before = expected;
        }
    }
}

/// Zone, line, start, and what comes next: the wall-clock time named and the instant.
type Row = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

fn check(table: &[Row]) {
    for (zone, line, start, expected) in table {
        let slots: Vec<_> = schedule(line, zone).slots_after(instant(start)).take(expected.len()).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(local, at)| SlotTime { local: local.parse::<DateTime>().expect("a time"), at: instant(at) })
            .collect();
        assert_eq!(slots, expected, "{line} in {zone} after {start}");
    }
}

/// New York: 02:00 EST becomes 03:00 EDT on 14 March 2027 (07:00Z), 02:00 EDT becomes 01:00 EST on 7 November (06:00Z).
/// Paris: 02:00 CET becomes 03:00 CEST on 28 March 2027, 03:00 CEST becomes 02:00 CET on 31 October (both 01:00Z).
/// Lord Howe: 02:00 becomes 02:30 on 3 October 2027 (15:30Z the day before), 02:00 becomes 01:30 on 4 April (15:00Z the
/// day before). Apia: there was no 30 December 2011; the 29th ended at 10:00Z on the 30th.
#[test]
fn a_fixed_time_that_the_clocks_skip_runs_once_right_after_the_gap() {
    check(&[
        (
            "America/New_York",
            "30 2 * * *",
            "2027-03-13T05:00Z",
            &[
                ("2027-03-13T02:30", "2027-03-13T07:30Z"),
                ("2027-03-14T02:30", "2027-03-14T07:00Z"),
                ("2027-03-15T02:30", "2027-03-15T06:30Z"),
            ],
        ),
        (
            "America/New_York",
            "0,20,40 2 * * *",
            "2027-03-14T00:00Z",
            &[("2027-03-14T02:00", "2027-03-14T07:00Z"), ("2027-03-15T02:00", "2027-03-15T06:00Z")],
        ),
        (
            "America/New_York",
            "0 2,3 * * *",
            "2027-03-14T00:00Z",
            &[("2027-03-14T02:00", "2027-03-14T07:00Z"), ("2027-03-15T02:00", "2027-03-15T06:00Z")],
        ),
        (
            "Europe/Paris",
            "30 2 * * *",
            "2027-03-27T00:00Z",
            &[
                ("2027-03-27T02:30", "2027-03-27T01:30Z"),
                ("2027-03-28T02:30", "2027-03-28T01:00Z"),
                ("2027-03-29T02:30", "2027-03-29T00:30Z"),
            ],
        ),
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2027-10-01T00:00Z",
            &[
                ("2027-10-02T02:15", "2027-10-01T15:45Z"),
                ("2027-10-03T02:15", "2027-10-02T15:30Z"),
                ("2027-10-04T02:15", "2027-10-03T15:15Z"),
            ],
        ),
        (
            "Pacific/Apia",
            "0 9 * * *",
            "2011-12-29T12:00Z",
            &[
                ("2011-12-29T09:00", "2011-12-29T19:00Z"),
                ("2011-12-30T09:00", "2011-12-30T10:00Z"),
                ("2011-12-31T09:00", "2011-12-30T19:00Z"),
            ],
        ),
    ]);
}

#[test]
fn a_fixed_time_that_comes_twice_runs_the_first_time_only() {
    check(&[
        (
            "America/New_York",
            "30 1 * * *",
            "2027-11-06T00:00Z",
            &[
                ("2027-11-06T01:30", "2027-11-06T05:30Z"),
                ("2027-11-07T01:30", "2027-11-07T05:30Z"),
                ("2027-11-08T01:30", "2027-11-08T06:30Z"),
            ],
        ),
        // From 01:10 the second time: the 01:30 of that day is over.
        ("America/New_York", "30 1 * * *", "2027-11-07T06:10Z", &[("2027-11-08T01:30", "2027-11-08T06:30Z")]),
        (
            "Europe/Paris",
            "30 2 * * *",
            "2027-10-30T00:00Z",
            &[
                ("2027-10-30T02:30", "2027-10-30T00:30Z"),
                ("2027-10-31T02:30", "2027-10-31T00:30Z"),
                ("2027-11-01T02:30", "2027-11-01T01:30Z"),
            ],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2027-04-02T00:00Z",
            &[
                ("2027-04-03T01:45", "2027-04-02T14:45Z"),
                ("2027-04-04T01:45", "2027-04-03T14:45Z"),
                ("2027-04-05T01:45", "2027-04-04T15:15Z"),
            ],
        ),
    ]);
}

#[test]
fn a_line_with_a_star_in_minute_or_hour_follows_the_clock() {
    check(&[
        (
            "America/New_York",
            "30 * * * *",
            "2027-03-14T06:00Z",
            &[("2027-03-14T01:30", "2027-03-14T06:30Z"), ("2027-03-14T03:30", "2027-03-14T07:30Z")],
        ),
        (
            "America/New_York",
            "*/30 2 * * *",
            "2027-03-13T07:15Z",
            &[("2027-03-13T02:30", "2027-03-13T07:30Z"), ("2027-03-15T02:00", "2027-03-15T06:00Z")],
        ),
        (
            "America/New_York",
            "30 * * * *",
            "2027-11-07T05:00Z",
            &[
                ("2027-11-07T01:30", "2027-11-07T05:30Z"),
                ("2027-11-07T01:30", "2027-11-07T06:30Z"),
                ("2027-11-07T02:30", "2027-11-07T07:30Z"),
            ],
        ),
        (
            "Europe/Paris",
            "0 */2 * * *",
            "2027-03-27T23:00Z",
            // 02:00 does not come, and the clock shows 04:00 an hour sooner.
            &[("2027-03-28T04:00", "2027-03-28T02:00Z"), ("2027-03-28T06:00", "2027-03-28T04:00Z")],
        ),
        (
            "Europe/Paris",
            "0 */2 * * *",
            "2027-10-30T22:00Z",
            &[
                ("2027-10-31T02:00", "2027-10-31T00:00Z"),
                ("2027-10-31T02:00", "2027-10-31T01:00Z"),
                ("2027-10-31T04:00", "2027-10-31T03:00Z"),
            ],
        ),
        (
            "Australia/Lord_Howe",
            "*/15 * * * *",
            "2027-10-02T15:10Z",
            &[
                ("2027-10-03T01:45", "2027-10-02T15:15Z"),
                ("2027-10-03T02:30", "2027-10-02T15:30Z"),
                ("2027-10-03T02:45", "2027-10-02T15:45Z"),
            ],
        ),
        (
            "Australia/Lord_Howe",
            "*/15 * * * *",
            "2027-04-03T14:40Z",
            &[
                ("2027-04-04T01:45", "2027-04-03T14:45Z"),
                ("2027-04-04T01:30", "2027-04-03T15:00Z"),
                ("2027-04-04T01:45", "2027-04-03T15:15Z"),
                ("2027-04-04T02:00", "2027-04-03T15:30Z"),
            ],
        ),
    ]);
}

#[test]
fn the_thirteenth_or_a_friday_and_both_when_one_begins_with_a_star() {
    let first = |line: &str, n: usize| {
        let schedule = schedule(line, "UTC");
        let slots = schedule.slots_after(instant("2026-11-01T00:00Z")).take(n);
        slots.map(|slot| slot.local.date().to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(first("0 9 13 * 5", 3), "2026-11-06 2026-11-13 2026-11-20");
    assert_eq!(first("0 9 12 * 5", 3), "2026-11-06 2026-11-12 2026-11-13");
    assert_eq!(first("0 9 */12 * 5", 3), "2026-11-13 2026-12-25 2027-01-01");
    assert_eq!(first("0 9 31 2 1", 2), "2027-02-01 2027-02-08");
    assert_eq!(first("0 9 29 2 *", 2), "2028-02-29 2032-02-29");
    assert_eq!(first("0 9 * * sat-sun", 3), "2026-11-01 2026-11-07 2026-11-08");
}

#[test]
fn years_of_missed_slots_are_caught_up_with_one() {
    let (after, until) = (instant("1987-05-01T00:00Z"), instant("2026-11-23T10:07:33.5Z"));
    for (line, latest) in [
        ("* * * * *", "2026-11-23T10:07Z"),
        ("*/15 * * * *", "2026-11-23T10:00Z"),
        ("0 9 * * MON", "2026-11-16T14:00Z"),
        ("* * * 1-6 *", "2026-07-01T03:59Z"),
        ("0 0 29 2 *", "2024-02-29T05:00Z"),
        ("0 0 29 2 */7", "2004-02-29T05:00Z"),
    ] {
        let slot = schedule(line, "America/New_York").latest_slot(after, until).expect(line);
        assert_eq!(slot.at, instant(latest), "{line}");
    }
}

#[test]
fn the_latest_slot_is_after_the_one_and_not_after_the_other() {
    let daily = schedule("0 9 * * *", "UTC");
    let latest = |after: &str, until: &str| daily.latest_slot(instant(after), instant(until)).map(|slot| slot.at);
    let nine = instant("2026-11-23T09:00Z");
    assert_eq!(latest("2026-11-22T09:00Z", "2026-11-23T09:00Z"), Some(nine));
    assert_eq!(latest("2026-11-22T09:00Z", "2026-11-23T08:59:59.999Z"), None);
    assert_eq!(latest("2026-11-23T09:00Z", "2026-11-24T08:59Z"), None);
    assert_eq!(latest("2026-11-23T08:59:59.999Z", "2026-11-23T09:00Z"), Some(nine));
    assert_eq!(latest("2026-11-24T09:00Z", "2026-11-23T09:00Z"), None);
}

#[test]
fn the_ends_of_time_hold_no_surprise() {
    let yearly = schedule("@yearly", "America/New_York");
    let first = yearly.slots_after(Timestamp::MIN).next().expect("1970");
    assert_eq!(first.at, instant("1970-01-01T05:00Z"));
    assert_eq!(yearly.slots_after(Timestamp::MIN).count(), 131, "one for each year from 1970 to 2100");
    assert_eq!(yearly.slots_after(Timestamp::MAX).next(), None);
    let last = yearly.latest_slot(Timestamp::MIN, Timestamp::MAX).expect("2100");
    assert_eq!(last.at, instant("2100-01-01T05:00Z"));
    let minutely = schedule("* * * * *", "Europe/Paris");
    assert_eq!(minutely.slots_after(Timestamp::MAX).next(), None);
    assert!(minutely.slots_after(Timestamp::MIN).next().is_some());
}

/// The words of a schedule may not hide a difference. Times and dates are told apart from each other, so each is
/// varied alone.
#[test]
fn two_lines_told_in_the_same_words_run_at_the_same_times() {
    let minutes =
        "* 0 1 30 0,30 */2 1-59/2 */7 0-49/7 */15 0,15,30,45 5-59/15 */20 10-50 0-58 1-59 0,1 */30 */31 */45 0,5,9";
    let hours = "* 0 9 23 9-17 9-16 8,9 8-10 */2 1-23/2 */3 */5 */6 1,5,9 0-22 1-23 */12 0,23 9-18/3 9-17/2";
    let days = "* 1 31 1,15 1-7 */2 2-30/2 1-31/2 1-31 1-30 */7 */10 28-31 29 30 */16";
    let months = "* 1 2 12 1,7 4-10 */2 */3 2,4";
    let weekdays = "* 0 1 7 1-5 5-7 6,0 1,3,5 0-6 */2 */3 1-6 2-6/2";
    let mut lines = Vec::new();
    for minute in minutes.split(' ') {
        lines.extend(hours.split(' ').map(|hour| format!("{minute} {hour} * * *")));
    }
    for day in days.split(' ') {
        for month in months.split(' ') {
            let weekdays = weekdays.split(' ').map(|weekday| format!("0 9 {day} {month} {weekday}"));
            lines.extend(weekdays.filter(|line| Schedule::parse(line, "UTC").is_ok()));
        }
    }
    let start = instant("2026-11-23T00:00Z");
    let mut told: HashMap<String, (String, Vec<SlotTime>)> = HashMap::new();
    for line in lines {
        let schedule = schedule(&line, "UTC");
        let slots: Vec<_> = schedule.slots_after(start).take(64).collect();
        let (first, same) = told.entry(schedule.describe()).or_insert_with(|| (line.clone(), slots.clone()));
        assert_eq!(*same, slots, "{first} and {line}: {}", schedule.describe());
    }
    assert!(told.len() > 1_000, "most lines differ: {}", told.len());
}

const ZONES: [&str; 8] = [
    "UTC",
    "America/New_York",
    "Europe/Paris",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/St_Johns",
];

proptest! {
    #[test]
    fn instants_always_grow(
        line in proptest::sample::select(oracle_lines()),
        zone in proptest::sample::select(&ZONES),
        from in 0_i64..3_000_000_000,
    ) {
        let mut before = Timestamp::from_second(from).expect("in range");
        for slot in schedule(line, zone).slots_after(before).take(200) {
            prop_assert!(slot.at > before, "{line} in {zone}: {} after {before}", slot.at);
            before = slot.at;
        }
    }

    #[test]
    fn the_latest_slot_is_the_last_of_those_after(
        line in proptest::sample::select(oracle_lines()),
        zone in proptest::sample::select(&ZONES),
        from in 0_i64..3_000_000_000,
        span in 0_i64..200_000,
    ) {
        let schedule = schedule(line, zone);
        let after = Timestamp::from_second(from).expect("in range");
        let until = after + SignedDuration::from_secs(span);
        let last = schedule.slots_after(after).take_while(|slot| slot.at <= until).last();
        prop_assert_eq!(schedule.latest_slot(after, until), last);
    }

    #[test]
    fn no_text_panics(line in ".{0,80}|[0-9*,/@ -]{0,40}", zone in "[A-Za-z/_]{0,30}|.{0,30}") {
        if let Ok(schedule) = Schedule::parse(&line, "Europe/Paris") {
            prop_assert!(!schedule.describe().is_empty());
            let _ = schedule.slots_after(Timestamp::UNIX_EPOCH).next();
        }
        let _ = Schedule::parse("@daily", &zone);
    }
}
