use sidetask::Timestamp;

use super::{HOUR, day, hourly, pass_slowly_until, pass_to, start, stored, until_stored};
use crate::faulty::count;
use crate::kit::{Kit, over_stores};

over_stores! {
    several_workers_store_each_tick_once,
    a_worker_takes_over_from_one_that_was_killed,
    a_worker_that_shuts_down_leaves_its_schedules_to_others,
}

async fn several_workers_store_each_tick_once(kit: Kit) {
    for _ in 0..3 {
        start(&kit, hourly()).await;
    }
    let mut ticks = Vec::new();
    for hour in 0..6 {
        pass_to(&kit, day(hour, 0));
        ticks.push(day(hour, 0));
        let offered = 3 * ticks.len();
        pass_slowly_until(&kit, "all to offer the tick", async || count(&kit.store.enqueues) == offered).await;
        assert_eq!(stored(&kit).await, ticks.iter().map(Timestamp::to_string).collect::<Vec<_>>());
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_of_two_processes_store_each_tick_once() {
    let (one, other) = crate::kit::sqlite_pair().await;
    for kit in [&one, &other] {
        start(kit, hourly()).await;
    }
    let mut ticks = Vec::new();
    for hour in 0..6 {
        pass_to(&one, day(hour, 0));
        ticks.push(day(hour, 0));
        let offered = async || [&one, &other].iter().all(|kit| count(&kit.store.enqueues) == ticks.len());
        pass_slowly_until(&one, "both to offer the tick", offered).await;
        assert_eq!(stored(&other).await, ticks.iter().map(Timestamp::to_string).collect::<Vec<_>>());
    }
}

async fn a_worker_takes_over_from_one_that_was_killed(kit: Kit) {
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let builder = super::worker(&kit).schedule(hourly(), |at| sidetask::Call::new("tick", at.to_string()));
    doomed.spawn(async move { builder.start().await.unwrap() }).await.unwrap();
    until_stored(&kit, &[day(0, 0)]).await;
    doomed.shutdown_background();
    pass_to(&kit, day(3, 20));
    start(&kit, hourly()).await;
    until_stored(&kit, &[day(0, 0), day(3, 0)]).await;
    pass_to(&kit, day(4, 0));
    until_stored(&kit, &[day(0, 0), day(3, 0), day(4, 0)]).await;
}

async fn a_worker_that_shuts_down_leaves_its_schedules_to_others(kit: Kit) {
    let (leaving, staying) = (start(&kit, hourly()).await, start(&kit, hourly()).await);
    until_stored(&kit, &[day(0, 0)]).await;
    pass_slowly_until(&kit, "both to offer the tick", async || count(&kit.store.enqueues) == 2).await;
    leaving.shutdown(HOUR).await;
    pass_to(&kit, day(1, 0));
    until_stored(&kit, &[day(0, 0), day(1, 0)]).await;
    staying.shutdown(HOUR).await;
    pass_to(&kit, day(2, 0));
    tokio::task::yield_now().await;
    assert_eq!(count(&kit.store.enqueues), 3, "a worker that has shut down stores nothing");
}
