use std::time::Duration;

use proptest::prelude::*;
use sidetask_core::Timestamp;

use super::{Missed, Schedule, Ticks, read};

const SECOND: Duration = Duration::from_secs(1);

/// 2026-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

fn sound(schedule: &Schedule) -> Ticks {
    let mut faults = Vec::new();
    let ticks = read([schedule], NOW, &mut faults).pop();
    assert_eq!(faults, [""; 0]);
    ticks.unwrap()
}

fn faults_of(schedules: &[Schedule]) -> String {
    let mut faults = Vec::new();
    read(schedules, NOW, &mut faults);
    faults.join("; ")
}

#[test]
fn a_period_ticks_at_its_multiples_since_1970() {
    let quarter = sound(&Schedule::every("q", 900 * SECOND));
    for (time, latest, next) in [
        (NOW, NOW, NOW.after(900 * SECOND)),
        (NOW.after(Duration::from_micros(1)), NOW, NOW.after(900 * SECOND)),
        (NOW.before(Duration::from_micros(1)), NOW.before(900 * SECOND), NOW),
        (Timestamp::from_micros(-1), Timestamp::from_micros(-900_000_000), Timestamp::from_micros(0)),
    ] {
        assert_eq!((quarter.latest(time), quarter.next(time)), (Some(latest), Some(next)), "{time}");
    }
}

#[test]
fn a_period_reaches_no_further_than_time_does() {
    let (first, last) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    for period in [7 * SECOND, Duration::MAX] {
        let ticks = sound(&Schedule::every("q", period));
        assert!(ticks.next(last).is_none() && ticks.latest(last).is_some());
        assert!(ticks.latest(first).is_none() && ticks.next(first).is_some());
    }
}

proptest! {
    #[test]
    fn a_period_leaves_no_time_without_a_tick_before_and_after(
        time in any::<i64>().prop_map(|time| Timestamp::from_micros(time / 2)),
        period in 1_000_000_u64..1_000_000_000_000,
    ) {
        let period = Duration::from_micros(period);
        let ticks = sound(&Schedule::every("p", period));
        let (latest, next) = (ticks.latest(time).unwrap(), ticks.next(time).unwrap());
        prop_assert!(latest <= time && time < next);
        prop_assert_eq!(latest.after(period), next);
        prop_assert_eq!(ticks.next(latest), Some(next));
        prop_assert_eq!(ticks.latest(next), Some(next));
    }
}

#[test]
fn a_tick_is_due_once_and_late_only_where_it_is_made_up() {
    let hourly = Schedule::every("h", 3600 * SECOND);
    let strict = hourly.clone().missed(Missed::Skip);
    let ticks = sound(&hourly);
    for (late, taken, made_up, in_time) in [
        (0, None, true, true),
        (60, None, true, true),
        (61, None, true, false),
        (3599, None, true, false),
        (0, Some(NOW), false, false),
        (61, Some(NOW), false, false),
        (0, Some(NOW.before(SECOND)), true, true),
        (0, Some(NOW.after(SECOND)), false, false),
    ] {
        let due = |schedule: &Schedule| schedule.due(&ticks, NOW.after(late * SECOND), taken);
        assert_eq!(due(&hourly), made_up.then_some(NOW), "{late} s late, {taken:?} taken");
        assert_eq!(due(&strict), in_time.then_some(NOW), "{late} s late, {taken:?} taken");
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let text = faults_of(&[
        Schedule::every("a", Duration::ZERO),
        Schedule::every("b", Duration::from_millis(999)),
        Schedule::every("", SECOND),
        Schedule::every("twice", SECOND),
        Schedule::every("twice", 2 * SECOND),
    ]);
    for part in [
        "schedule `a` has a period of 0ns: it must be at least 1s",
        "schedule `b` has a period of 999ms",
        "the schedule's name must have 1 to 256 bytes",
        "schedule `twice` is given twice",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
