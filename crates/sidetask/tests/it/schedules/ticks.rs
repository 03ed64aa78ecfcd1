use sidetask::{Call, Filter, Missed, Page, State};

use super::{HOUR, day, hourly, pass_slowly_until, pass_to, start, stored, until_stored, worker};
use crate::faulty::count;
use crate::kit::{Kit, over_stores};

over_stores! {
    each_tick_has_its_job,
    a_first_worker_makes_nothing_up,
    a_tick_at_the_start_is_not_missed,
    the_latest_tick_of_a_time_without_workers_is_made_up,
    a_schedule_that_skips_makes_nothing_up_but_what_is_hardly_late,
    a_job_has_the_options_of_its_call,
    schedules_of_one_worker_keep_apart,
}

async fn each_tick_has_its_job(kit: Kit) {
    pass_to(&kit, day(0, 10));
    start(&kit, hourly()).await;
    let mut ticks = Vec::new();
    for hour in 1..=5 {
        pass_to(&kit, day(hour, 0));
        ticks.push(day(hour, 0));
        until_stored(&kit, &ticks).await;
    }
    let all_ran = async || kit.client.stats().await.unwrap().total().count(State::Completed) == 5;
    pass_slowly_until(&kit, "all to be run", all_ran).await;
}

async fn a_first_worker_makes_nothing_up(kit: Kit) {
    pass_to(&kit, day(12, 10));
    start(&kit, hourly()).await;
    pass_slowly_until(&kit, "the missed tick to be recorded", async || count(&kit.store.enqueues) == 1).await;
    assert!(stored(&kit).await.is_empty());
    pass_to(&kit, day(13, 0));
    until_stored(&kit, &[day(13, 0)]).await;
}

async fn a_tick_at_the_start_is_not_missed(kit: Kit) {
    start(&kit, hourly()).await;
    until_stored(&kit, &[day(0, 0)]).await;
}

async fn the_latest_tick_of_a_time_without_workers_is_made_up(kit: Kit) {
    let worker = start(&kit, hourly()).await;
    until_stored(&kit, &[day(0, 0)]).await;
    worker.shutdown(HOUR).await;
    pass_to(&kit, day(5, 30));
    start(&kit, hourly()).await;
    until_stored(&kit, &[day(0, 0), day(5, 0)]).await;
    pass_to(&kit, day(6, 0));
    until_stored(&kit, &[day(0, 0), day(5, 0), day(6, 0)]).await;
}

async fn a_schedule_that_skips_makes_nothing_up_but_what_is_hardly_late(kit: Kit) {
    let strict = || hourly().missed(Missed::Skip);
    let worker = start(&kit, strict()).await;
    until_stored(&kit, &[day(0, 0)]).await;
    worker.shutdown(HOUR).await;
    pass_to(&kit, day(5, 2));
    let worker = start(&kit, strict()).await;
    pass_to(&kit, day(6, 0));
    until_stored(&kit, &[day(0, 0), day(6, 0)]).await;
    worker.shutdown(HOUR).await;
    pass_to(&kit, day(7, 0).after(super::MINUTE / 2));
    start(&kit, strict()).await;
    until_stored(&kit, &[day(0, 0), day(6, 0), day(7, 0)]).await;
}

async fn a_job_has_the_options_of_its_call(kit: Kit) {
    let call = |at: sidetask::Timestamp| {
        let call = Call::new("tick", at.to_string()).queue("elsewhere").max_attempts(3).priority(-7).delay(HOUR * 9);
        call.key("only one")
    };
    worker(&kit).schedule(hourly(), call).start().await.unwrap();
    until_stored(&kit, &[day(0, 0)]).await;
    let job = kit.client.list(Filter::all(), Page::default()).await.unwrap().remove(0);
    assert_eq!((job.queue.as_str(), job.max_attempts, job.priority), ("elsewhere", 3, -7));
    assert_eq!((job.state, job.key.as_deref()), (State::Scheduled, Some("only one")));
    pass_to(&kit, day(1, 0));
    pass_slowly_until(&kit, "the next tick", async || count(&kit.store.enqueues) == 2).await;
    assert_eq!(stored(&kit).await.len(), 1, "the key finds the job of the tick before");
}

async fn schedules_of_one_worker_keep_apart(kit: Kit) {
    pass_to(&kit, day(0, 10));
    let call = |name: &'static str| move |at: sidetask::Timestamp| Call::new("tick", format!("{name} {at}"));
    let builder = worker(&kit).schedule(hourly(), call("hourly"));
    let builder = builder.schedule(sidetask::Schedule::every("two-hourly", HOUR * 2), call("two-hourly"));
    builder.start().await.unwrap();
    for (hour, number) in [(1, 1), (2, 3), (3, 4)] {
        pass_to(&kit, day(hour, 0));
        pass_slowly_until(&kit, "the ticks of that hour", async || stored(&kit).await.len() == number).await;
    }
    let mut all = stored(&kit).await;
    all.sort();
    let expected = ["hourly", "hourly", "hourly", "two-hourly"].into_iter().zip([1, 2, 3, 2]);
    let expected: Vec<String> = expected.map(|(name, hour)| format!("{name} {}", day(hour, 0))).collect();
    assert_eq!(all, expected);
}
