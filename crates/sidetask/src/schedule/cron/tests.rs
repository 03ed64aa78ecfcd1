use std::collections::BTreeSet;

use jiff::civil::Time;
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;

use super::*;

fn cron(expression: &str, zone: &str) -> Cron {
    Cron::parse(expression, zone).unwrap()
}

fn at(text: &str) -> Timestamp {
    timestamp(text.parse().unwrap())
}

fn shown(time: Timestamp, zone: &str) -> String {
    moment(time).unwrap().in_tz(zone).unwrap().strftime("%m-%d %H:%M%:z").to_string()
}

/// The ticks after `from` and before `to`, told apart by what the clock shows and its offset. Whatever moment the search
/// begins at, it must lead to the same ones, forwards and backwards.
fn ticks(expression: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let (cron, from, to) = (cron(expression, zone), at(from), at(to));
    let forwards = forwards(&cron, from, to);
    assert_eq!(forwards, backwards(&cron, from, to), "{expression} in {zone}");
    forwards.into_iter().map(|tick| shown(tick, zone)).collect()
}

fn forwards(cron: &Cron, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let next = |time: &Timestamp| cron.next(*time).filter(|tick| *tick < to);
    std::iter::successors(next(&from), next).collect()
}

fn backwards(cron: &Cron, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let latest =
        |time: &Timestamp| cron.latest(Timestamp::from_micros(time.as_micros() - 1)).filter(|tick| *tick > from);
    let mut ticks: Vec<Timestamp> = std::iter::successors(latest(&to), latest).collect();
    ticks.reverse();
    ticks
}

#[test]
fn a_time_that_a_change_skips_comes_at_the_change() {
    for (expression, zone, from, to, expected) in [
        // 02:00 to 03:00.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-27T12:00:00Z",
            "2026-03-30T12:00:00Z",
            &["03-28 02:30+01:00", "03-29 03:00+02:00", "03-30 02:30+02:00"][..],
        ),
        ("0,15,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", &["03-29 03:00+02:00"]),
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", &["03-29 03:00+02:00"]),
        (
            "0 1,4 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            "2026-03-29T12:00:00Z",
            &["03-29 01:00+01:00", "03-29 04:00+02:00"],
        ),
        ("59 1 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", &["03-29 01:59+01:00"]),
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            "2026-03-09T12:00:00Z",
            &["03-08 03:00-04:00", "03-09 02:30-04:00"],
        ),
        // 02:00 to 02:30.
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-02T16:00:00Z",
            "2026-10-04T16:00:00Z",
            &["10-04 02:30+11:00", "10-05 02:15+11:00"],
        ),
        ("45 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-04T12:00:00Z", &["10-04 02:45+11:00"]),
        // 2011-12-30 was no day.
        (
            "0 3 * * *",
            "Pacific/Apia",
            "2011-12-29T00:00:00Z",
            "2011-12-31T00:00:00Z",
            &["12-29 03:00-10:00", "12-31 00:00+14:00", "12-31 03:00+14:00"],
        ),
        (
            "0 3 30 12 *",
            "Pacific/Apia",
            "2011-01-01T00:00:00Z",
            "2013-01-01T00:00:00Z",
            &["12-31 00:00+14:00", "12-30 03:00+14:00"],
        ),
        // Midnight to one o'clock.
        (
            "0 0 * * *",
            "America/Sao_Paulo",
            "2018-11-03T00:00:00Z",
            "2018-11-05T12:00:00Z",
            &["11-03 00:00-03:00", "11-04 01:00-02:00", "11-05 00:00-02:00"],
        ),
    ] {
        assert_eq!(ticks(expression, zone, from, to), expected, "{expression} in {zone}");
    }
}

#[test]
fn a_time_that_comes_twice_counts_the_first_time() {
    for (expression, zone, from, to, expected) in [
        // 03:00 back to 02:00.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            "2026-10-26T12:00:00Z",
            &["10-25 02:30+02:00", "10-26 02:30+01:00"][..],
        ),
        (
            "0 2,3 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            "2026-10-25T12:00:00Z",
            &["10-25 02:00+02:00", "10-25 03:00+01:00"],
        ),
        (
            "*/30 0-2 * * *",
            "Europe/Berlin",
            "2026-10-24T22:30:00Z",
            "2026-10-25T12:00:00Z",
            &["10-25 01:00+02:00", "10-25 01:30+02:00", "10-25 02:00+02:00", "10-25 02:30+02:00"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            "2026-11-02T12:00:00Z",
            &["11-01 01:30-04:00", "11-02 01:30-05:00"],
        ),
        // 02:00 back to 01:30.
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T12:00:00Z",
            "2026-04-05T18:00:00Z",
            &["04-05 01:45+11:00", "04-06 01:45+10:30"],
        ),
        ("15 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z", &["04-05 01:15+11:00"]),
        // Midnight back to 23:00 the day before.
        (
            "30 23 * * *",
            "America/Sao_Paulo",
            "2018-02-17T12:00:00Z",
            "2018-02-19T12:00:00Z",
            &["02-17 23:30-02:00", "02-18 23:30-03:00"],
        ),
    ] {
        assert_eq!(ticks(expression, zone, from, to), expected, "{expression} in {zone}");
    }
}

#[test]
fn what_is_for_all_hours_follows_the_clock() {
    for (expression, zone, from, to, expected) in [
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            "2026-03-29T02:00:00Z",
            &["03-29 01:30+01:00", "03-29 03:00+02:00", "03-29 03:30+02:00"][..],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-10-25T00:00:00Z",
            "2026-10-25T02:00:00Z",
            &["10-25 02:30+02:00", "10-25 02:00+01:00", "10-25 02:30+01:00"],
        ),
        (
            "45 0-23 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T14:00:00Z",
            "2026-04-04T17:00:00Z",
            &["04-05 01:45+11:00", "04-05 01:45+10:30", "04-05 02:45+10:30"],
        ),
        ("0 */12 * * *", "UTC", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z", &["03-29 12:00+00:00"]),
    ] {
        assert_eq!(ticks(expression, zone, from, to), expected, "{expression} in {zone}");
    }
}

#[test]
fn expressions_mean_what_people_expect() {
    for (expression, expected) in [
        ("0 3 * * *", "2026-01-01T03:00:00Z"),
        ("*/10 * * * * *", "2026-01-01T00:00:10Z"),
        ("0 0 1 * *", "2026-02-01T00:00:00Z"),
        ("0 0 L * *", "2026-01-31T00:00:00Z"),
        ("0 9 * * MON-FRI", "2026-01-01T09:00:00Z"),
        ("0 9 * * 0", "2026-01-04T09:00:00Z"),
        ("0 9 * * 7", "2026-01-04T09:00:00Z"),
        ("0 9 * * MON#2", "2026-01-12T09:00:00Z"),
        ("0 0 13 * FRI", "2026-01-02T00:00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ("@hourly", "2026-01-01T01:00:00Z"),
        ("@yearly", "2027-01-01T00:00:00Z"),
    ] {
        assert_eq!(cron(expression, "UTC").next(at("2026-01-01T00:00:00Z")), Some(at(expected)), "{expression}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (expression, zone, parts) in [
        ("61 * * * *", "UTC", &["\"61 * * * *\" cannot be read", "five fields"][..]),
        ("every day", "UTC", &["cannot be read"]),
        ("", "UTC", &["cannot be read"]),
        ("0 0 3 * * * 2030", "UTC", &["cannot be read"]),
        ("0 3 * * *", "Europe/Atlantis", &["no time zone \"Europe/Atlantis\"", "IANA"]),
        ("no", "", &["cannot be read", "no time zone \"\""]),
    ] {
        let faults = Cron::parse(expression, zone).unwrap_err().join("; ");
        for part in parts {
            assert!(faults.contains(part), "{part} in {faults}");
        }
    }
}

#[test]
fn what_never_comes_has_no_ticks() {
    for expression in ["0 0 30 2 *", "0 0 31 4,6 *"] {
        let never = cron(expression, "America/New_York");
        let now = at("2026-01-01T00:00:00Z");
        assert_eq!((never.next(now), never.latest(now)), (None, None), "{expression}");
    }
}

#[test]
fn the_ends_of_time_have_no_ticks() {
    let nightly = cron("0 3 * * *", "Europe/Berlin");
    for time in [i64::MIN, i64::MAX] {
        let time = Timestamp::from_micros(time);
        assert_eq!((nightly.next(time), nightly.latest(time)), (None, None));
    }
}

/// Zones with changes of an hour, of half an hour, of a day, at midnight, for Ramadan, and with none.
const ZONES: &[&str] = &[
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Asia/Pyongyang",
    "Antarctica/Troll",
    "UTC",
];

/// Some minutes of some hours, or of all.
#[derive(Clone, Debug)]
struct Minutes {
    minutes: BTreeSet<i8>,
    hours: BTreeSet<i8>,
}

impl Minutes {
    fn expression(&self) -> String {
        let list = |values: &BTreeSet<i8>| values.iter().map(i8::to_string).collect::<Vec<_>>().join(",");
        format!("{} {} * * *", list(&self.minutes), list(&self.hours))
    }

    fn matches(&self, time: Time) -> bool {
        time.second() == 0 && self.minutes.contains(&time.minute()) && self.hours.contains(&time.hour())
    }

    /// The rule, minute for minute: what was shown before does not count, and what a change skips comes at the change.
    /// An expression for all hours counts whatever is shown.
    fn ticks(&self, zone: &TimeZone, from: jiff::Timestamp, to: jiff::Timestamp) -> Vec<jiff::Timestamp> {
        let all_hours = self.hours.len() == 24;
        let mut ticks = Vec::new();
        let mut time = from - SignedDuration::from_hours(30);
        let mut next: DateTime = zone.to_datetime(time);
        while time < to {
            let shown = zone.to_datetime(time);
            let skipped = std::iter::successors(Some(next), |skipped| Some(*skipped + 1.minute()));
            let is_made_up = skipped.take_while(|skipped| *skipped < shown).any(|skipped| self.matches(skipped.time()));
            let is_tick = match all_hours {
                true => self.matches(shown.time()),
                false => is_made_up || (shown >= next && self.matches(shown.time())),
            };
            if is_tick && time > from {
                ticks.push(time);
            }
            next = next.max(shown + 1.minute());
            time += SignedDuration::from_mins(1);
        }
        ticks
    }
}

fn minutes() -> impl Strategy<Value = Minutes> {
    let hours = prop_oneof![
        prop::collection::btree_set(0_i8..24, 1..4),
        prop::collection::btree_set(0_i8..4, 1..4),
        Just((0..24).collect()),
    ];
    (prop::collection::btree_set(0_i8..60, 1..4), hours).prop_map(|(minutes, hours)| Minutes { minutes, hours })
}

proptest! {
    // One case goes through four days minute by minute.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn ticks_are_those_of_the_rule_forwards_and_backwards(
        zone in prop::sample::select(ZONES),
        minutes in minutes(),
        // From 1990 to 2050.
        near in 631_152_000_i64..2_524_608_000,
        hours in -30_i64..10,
    ) {
        let rules = TimeZone::get(zone).unwrap();
        let near = jiff::Timestamp::from_second(near - near.rem_euclid(60)).unwrap();
        let change = rules.following(near).next().map_or(near, |change| change.timestamp());
        // The rule below goes by whole minutes. Some databases end with a change of nothing, at 03:14:07 in 2038.
        let change = jiff::Timestamp::from_second(change.as_second().div_euclid(60) * 60).unwrap();
        let from = change + SignedDuration::from_hours(hours);
        let to = from + SignedDuration::from_hours(50);
        let cron = cron(&minutes.expression(), zone);
        let expected: Vec<Timestamp> = minutes.ticks(&rules, from, to).into_iter().map(timestamp).collect();
        prop_assert!(expected.is_sorted_by(|one, other| one < other));
        prop_assert_eq!(forwards(&cron, timestamp(from), timestamp(to)), expected.clone());
        prop_assert_eq!(backwards(&cron, timestamp(from), timestamp(to)), expected);
    }

    #[test]
    fn ticks_never_go_back_and_the_latest_is_the_one_before_the_next(
        zone in prop::sample::select(ZONES),
        expression in prop::sample::select(&["30 2 * * *", "0 0 * * *", "*/7 1-3 * * *", "15 * * * *", "0 0 29 2 *", "0 12 * * SUN#L", "59 59 23 L * *"][..]),
        time in 0_i64..4_000_000_000_000_000,
    ) {
        let (cron, time) = (cron(expression, zone), Timestamp::from_micros(time));
        let (latest, next) = (cron.latest(time).unwrap(), cron.next(time).unwrap());
        prop_assert!(latest <= time && time < next);
        prop_assert_eq!(cron.next(latest), Some(next));
        prop_assert_eq!(cron.latest(next), Some(next));
        prop_assert_eq!(cron.latest(latest), Some(latest));
    }

    #[test]
    fn any_text_is_read_or_refused_and_what_is_read_moves_on(
        expression in prop_oneof![
            "([0-9*/,LW#?+-]{1,6} ){4,6}[0-9*A-Z/,#+-]{1,6}",
            "@?[ -~]{0,30}",
            "\\PC{0,30}",
        ],
        time in 0_i64..4_000_000_000_000_000,
    ) {
        let time = Timestamp::from_micros(time);
        if let Ok(cron) = Cron::parse(&expression, "America/New_York") {
            prop_assert!(cron.next(time).is_none_or(|next| next > time));
            prop_assert!(cron.latest(time).is_none_or(|latest| latest <= time));
        }
    }
}
