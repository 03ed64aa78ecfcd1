use std::time::Duration;

use sidetask::{Call, Schedule};

use super::{HOUR, hourly};
use crate::faulty::count;
use crate::kit::{Kit, over_stores};

over_stores! {
    every_fault_of_a_schedule_is_named_at_once,
}

async fn every_fault_of_a_schedule_is_named_at_once(kit: Kit) {
    let mut builder = kit.bare_worker().queue("a", 0);
    let every = Schedule::every;
    let mut schedules = vec![hourly(), hourly(), every("still", Duration::ZERO), every("", HOUR)];
    let mut parts = vec![
        "queue `a` has a concurrency of 0",
        "no task is registered",
        "schedule `hourly` is given twice",
        "schedule `still` has a period of 0ns",
        "the schedule's name must have 1 to 256 bytes",
    ];
    #[cfg(feature = "cron")]
    {
        let cron = Schedule::cron;
        schedules.push(cron("never", "0 0 30 2 *"));
        schedules.push(cron("unread", "0 25 * * *").time_zone("Mars/Olympus"));
        schedules.push(every("zoned", HOUR).time_zone("Europe/Berlin"));
        parts.push("schedule `never` names times that never come");
        parts.push("schedule `unread`: the cron expression \"0 25 * * *\" cannot be read");
        parts.push("schedule `unread`: there is no time zone \"Mars/Olympus\"");
        parts.push("schedule `zoned` has a period and the time zone `Europe/Berlin`");
    }
    for schedule in schedules {
        builder = builder.schedule(schedule, |_| Call::new("tick", ()));
    }
    let error = builder.start().await.unwrap_err();
    assert!(error.is_configuration());
    for part in parts {
        assert!(error.to_string().contains(part), "{part} in {error}");
    }
    assert_eq!((count(&kit.store.joins), count(&kit.store.enqueues)), (0, 0));
}
