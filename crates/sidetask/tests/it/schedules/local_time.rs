use sidetask::{Call, Clock, Schedule, Timestamp};

use super::{HOUR, MINUTE, pass_slowly_until, pass_to, start, stored, until_stored, worker};
use crate::kit::{Kit, over_stores};

over_stores! {
    a_night_without_the_hour_has_its_job,
    a_night_with_the_hour_twice_has_one_job,
    a_zone_stays_with_its_schedule,
}

/// Noon of 2026-03-28 and of 2026-10-24, the days before the clocks of Europe change.
const SPRING: Timestamp = Timestamp::from_micros(1_774_699_200_000_000);
const AUTUMN: Timestamp = Timestamp::from_micros(1_792_843_200_000_000);

/// Goes to each tick by way of the half hours before it, at none of which there may be another.
async fn nights_from(kit: &Kit, noon: Timestamp, minutes: &[u32]) {
    kit.clock.set(noon);
    start(kit, Schedule::cron("nightly", "30 2 * * *").time_zone("Europe/Berlin")).await;
    let mut ticks: Vec<Timestamp> = Vec::new();
    for minutes in minutes {
        let tick = noon.after(MINUTE * *minutes);
        while kit.clock.now().after(HOUR / 2) < tick {
            kit.clock.advance(HOUR / 2);
            until_stored(kit, &ticks).await;
        }
        pass_to(kit, tick);
        ticks.push(tick);
        until_stored(kit, &ticks).await;
    }
}

async fn a_night_without_the_hour_has_its_job(kit: Kit) {
    nights_from(&kit, SPRING, &[13 * 60, 36 * 60 + 30]).await;
}

async fn a_night_with_the_hour_twice_has_one_job(kit: Kit) {
    nights_from(&kit, AUTUMN, &[12 * 60 + 30, 37 * 60 + 30]).await;
}

async fn a_zone_stays_with_its_schedule(kit: Kit) {
    kit.clock.set(SPRING);
    let builder = worker(&kit);
    let noon = |name: &str| Schedule::cron(name, "0 15 * * *");
    let call = |name: &'static str| move |at: Timestamp| Call::new("tick", format!("{name} {at}"));
    let builder = builder.schedule(noon("utc"), call("utc"));
    let builder = builder.schedule(noon("tokyo").time_zone("Asia/Tokyo"), call("tokyo"));
    builder.start().await.unwrap();
    for (hours, expected) in [(3, "utc 2026-03-28T15:00:00Z"), (18, "tokyo 2026-03-29T06:00:00Z")] {
        kit.clock.advance(SPRING.after(HOUR * hours).since(kit.clock.now()));
        pass_slowly_until(&kit, expected, async || stored(&kit).await.last().is_some_and(|last| last == expected))
            .await;
    }
}
