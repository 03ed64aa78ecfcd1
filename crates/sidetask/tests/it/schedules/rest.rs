use std::time::Duration;

use sidetask::{Call, State};

use super::{day, hourly, pass_slowly_until, pass_to, until_stored, worker};
use crate::faulty::count;
use crate::kit::{Kit, over_stores};

over_stores! {
    a_dormant_worker_keeps_its_schedules,
}

async fn a_dormant_worker_keeps_its_schedules(kit: Kit) {
    pass_to(&kit, day(0, 10));
    let builder = worker(&kit).idle_after(Duration::from_secs(1));
    builder.schedule(hourly(), |at| Call::new("tick", at.to_string())).start().await.unwrap();
    let mut ticks = Vec::new();
    for hour in 1..=3 {
        let rests = async || count(&kit.store.leaves) == count(&kit.store.joins);
        pass_slowly_until(&kit, "the worker to rest", rests).await;
        pass_to(&kit, day(hour, 0));
        ticks.push(day(hour, 0));
        until_stored(&kit, &ticks).await;
        let is_run = async || kit.client.stats().await.unwrap().total().count(State::Completed) == u64::from(hour);
        pass_slowly_until(&kit, "the job to be run", is_run).await;
    }
    assert!(count(&kit.store.joins) >= 3, "it rested in between");
}
