use std::time::Duration;

use sidetask::core::Store as _;
use sidetask::{Call, Context, State};

use crate::faulty::{count, set};
use crate::kit::{Gate, Kit, over_stores, soon, until};

over_stores! {
    it_comes_with_the_first_job_and_goes_when_idle,
    a_delayed_job_wakes_it,
    work_that_waits_is_done_at_the_start,
    a_dormant_worker_shuts_down,
    jobs_of_a_dead_worker_are_not_forgotten,
    a_dormant_worker_that_hears_nothing_finds_its_jobs,
    a_job_that_nobody_knows_does_not_keep_it_coming_and_going,
}

const IDLE: Duration = Duration::from_secs(5);

fn nothing() -> Call {
    Call::new("nothing", ())
}

async fn until_dormant(kit: &Kit, times: usize) {
    let has_left = async || count(&kit.store.leaves) == times;
    kit.pass_until(Duration::from_millis(500), "the worker to leave", has_left).await;
}

async fn it_comes_with_the_first_job_and_goes_when_idle(kit: Kit) {
    let worker = kit.worker().register("nothing", |()| async {}).when_needed().start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(count(&kit.store.joins), 0, "nobody needs it yet");
    for round in 1..=3 {
        let job = kit.client.enqueue(nothing()).await.unwrap();
        soon(job.wait()).await.unwrap();
        assert_eq!(count(&kit.store.joins), round);
        until_dormant(&kit, round).await;
        let before = (count(&kit.store.heartbeats), count(&kit.store.claims));
        kit.clock.advance(Duration::from_secs(600));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!((count(&kit.store.heartbeats), count(&kit.store.claims)), before, "a dormant worker does nothing");
    }
    assert!(worker.shutdown(Duration::ZERO).await.is_clean());
}

async fn a_delayed_job_wakes_it(kit: Kit) {
    kit.worker().register("nothing", |()| async {}).idle_after(IDLE).start().await.unwrap();
    let job = kit.client.enqueue(nothing().delay(Duration::from_secs(60))).await.unwrap();
    let done = kit.pass_until_state(&job, State::Completed).await;
    let waited = done.attempted_at.unwrap().since(done.created_at);
    assert!(waited >= Duration::from_secs(60), "{waited:?}");
}

async fn work_that_waits_is_done_at_the_start(kit: Kit) {
    let job = kit.client.enqueue(nothing()).await.unwrap();
    kit.worker().register("nothing", |()| async {}).when_needed().start().await.unwrap();
    soon(job.wait()).await.unwrap();
}

async fn a_dormant_worker_shuts_down(kit: Kit) {
    let worker = kit.worker().register("nothing", |()| async {}).idle_after(Duration::ZERO).start().await.unwrap();
    soon(kit.client.enqueue(nothing()).await.unwrap().wait()).await.unwrap();
    let has_left = async || count(&kit.store.leaves) > 0 && count(&kit.store.leaves) == count(&kit.store.joins);
    kit.pass_until(Duration::from_millis(1), "the worker to leave", has_left).await;
    let report = soon(worker.shutdown(Duration::from_secs(3600))).await;
    assert!(report.is_clean() && report.finished == 0, "{report}");
}

async fn jobs_of_a_dead_worker_are_not_forgotten(kit: Kit) {
    let lease = Duration::from_secs(2);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |(), cx: Context| {
        let gate = inner.clone();
        async move {
            if cx.attempt() == 1 {
                gate.pass().await;
            }
        }
    };
    let doomed = kit.worker().lease(lease).register("dies", task.clone());
    runtime.spawn(async move { doomed.start().await.unwrap() }).await.unwrap();
    let job = kit.client.enqueue(Call::new("dies", ())).await.unwrap();
    gate.until_came(1).await;
    runtime.shutdown_background();
    let worker = kit.worker().lease(lease).register("dies", task).idle_after(Duration::ZERO).start().await.unwrap();
    kit.pass_until_state(&job, State::Completed).await;
    until("the worker to be idle", async || worker.is_idle()).await;
    assert_eq!(kit.store.stats().await.unwrap().total().count(State::Completed), 1);
}

async fn a_dormant_worker_that_hears_nothing_finds_its_jobs(kit: Kit) {
    set(&kit.store.is_silent, true);
    kit.worker().register("nothing", |()| async {}).idle_after(IDLE).start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let job = kit.client.enqueue(nothing()).await.unwrap();
    kit.pass_until(Duration::from_secs(30), "the job to be found", async || {
        job.record().await.unwrap().state == State::Completed
    })
    .await;
}

async fn a_job_that_nobody_knows_does_not_keep_it_coming_and_going(kit: Kit) {
    kit.client.enqueue(Call::new("unknown", ())).await.unwrap();
    kit.worker().register("nothing", |()| async {}).idle_after(Duration::ZERO).start().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(count(&kit.store.joins) <= 6, "{} times within a second", count(&kit.store.joins));
}
