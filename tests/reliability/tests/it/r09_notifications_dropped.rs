//! 9. Every notification dropped: polling bounds the latency.
//!
//! A new job is found at the worker's next poll, one that falls due and one that is asked to stop by whoever keeps the
//! workers' leases, a third of one later at most; who waits for a result looks once a second. SQLite's processes tell each
//! other nothing: they see that the file changed.

use std::time::{Duration, Instant};

use sidetask::{Call, State};

use crate::kit::{Way, rounds};
use crate::world::World;

/// The subject's poll, a tenth more or less, or a third of its lease; and then the waiting client's.
const BOUND: Duration = Duration::from_millis(1_100 + 1_100);

/// For a machine that has other things to do.
const SLACK: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_found_by_looking() {
    let world = World::postgres();
    let direct = world.client().await;
    let way = Way::to(&world.url).await;
    way.proxy.drop_notifications(true);
    let deaf = World::at(&way.url);
    let waiting = deaf.client().await;
    let worker = deaf.subject("work", &[]);
    worker.wait_for("ready").unwrap();
    for round in 0..rounds(4) {
        let delay = Duration::from_millis(300 * (round as u64 % 2));
        let asked = Instant::now();
        let id = direct.enqueue(Call::new("subject.work", [0]).delay(delay)).await.unwrap().id();
        let record = waiting.handle::<u32>(id).wait().await.unwrap();
        let late = asked.elapsed().saturating_sub(delay);
        assert_eq!(record.state, State::Completed);
        assert!(late < BOUND + SLACK, "a result was there after {late:?}, and the bound is {BOUND:?}");
    }
    assert!(way.proxy.dropped_notifications() > 0, "there were no notifications to drop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_asked_to_stop_hears_of_it_by_the_heartbeat() {
    let world = World::postgres();
    let direct = world.client().await;
    let way = Way::to(&world.url).await;
    way.proxy.drop_notifications(true);
    let worker = World::at(&way.url).subject("work", &[]);
    worker.wait_for("ready").unwrap();
    for _ in 0..rounds(2) {
        let job = direct.enqueue(Call::new("subject.endless", ())).await.unwrap();
        worker.wait_for(&format!("run {} ", job.id())).unwrap();
        let asked = Instant::now();
        job.cancel().await.unwrap();
        assert_eq!(job.wait().await.unwrap().state, State::Cancelled);
        assert!(asked.elapsed() < BOUND + SLACK, "it was cancelled after {:?}", asked.elapsed());
    }
    assert!(way.proxy.dropped_notifications() > 0, "there were no notifications to drop");
}
