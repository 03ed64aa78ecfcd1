use std::time::Duration;

use sidetask::core::Store as _;
use sidetask::{Call, Context, State};

use crate::faulty::{count, set};
use crate::kit::{Gate, Kit, over_stores, soon, until};

over_stores! {
    a_long_job_is_never_rescued,
    a_lost_lease_stops_what_runs_and_is_followed_by_a_new_one,
    jobs_of_a_dead_worker_are_rescued,
    a_worker_that_was_suspended_rescues_none_of_its_own_jobs,
    the_longest_lease_is_renewed,
}

const LEASE: Duration = Duration::from_secs(1);

async fn a_long_job_is_never_rescued(kit: Kit) {
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |()| {
        let gate = inner.clone();
        async move { gate.pass().await }
    };
    let worker = kit.worker().lease(LEASE).register("long", task).start().await.unwrap();
    let other = kit.bare_worker().queue("other", 1).lease(LEASE).register("x", |()| async {}).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("long", ())).await.unwrap();
    gate.until_came(1).await;
    for _ in 0..20 {
        let before = count(&kit.store.heartbeats);
        let both = async || count(&kit.store.heartbeats) >= before + 2;
        kit.pass_until(LEASE / 50, "two heartbeats", both).await;
        assert!(kit.store.rescue(10).await.unwrap().is_empty());
    }
    gate.open(1);
    assert_eq!(soon(job.wait()).await.unwrap().attempt, 1);
    worker.shutdown(Duration::ZERO).await;
    other.shutdown(Duration::ZERO).await;
}

async fn a_lost_lease_stops_what_runs_and_is_followed_by_a_new_one(kit: Kit) {
    let (begun, ending) = (Gate::new(), Gate::new());
    let gates = (begun.clone(), ending.clone());
    let task = move |(), cx: Context| {
        let (begun, ending) = gates.clone();
        async move {
            if cx.attempt() == 1 {
                begun.pass().await;
                cx.cancelled().await;
                ending.pass().await;
            }
            cx.attempt()
        }
    };
    let worker = kit.worker().lease(LEASE).register("stalls", task).start().await.unwrap();
    let first = worker.id();
    let job = kit.client.enqueue(Call::new("stalls", ()).returns::<u32>()).await.unwrap();
    begun.open(1);
    begun.until_came(1).await;

    set(&kit.store.is_unheard, true);
    kit.clock.advance(3 * LEASE);
    until("the job to be rescued", async || {
        kit.store.rescue(10).await.unwrap();
        job.record().await.unwrap().attempt > 1 || job.record().await.unwrap().state != State::Running
    })
    .await;
    set(&kit.store.is_unheard, false);
    kit.pass_until(LEASE / 20, "the worker to join again", async || worker.id() != first).await;
    ending.until_came(1).await;
    assert_eq!(soon(job.output()).await.unwrap(), 2, "the second attempt counts");

    // The first attempt ends only now, and is refused.
    ending.open(1);
    until("the worker to be idle", async || worker.is_idle()).await;
    assert_eq!(job.output().await.unwrap(), 2);
    assert_eq!(job.record().await.unwrap().errors.len(), 1, "the lost attempt is on record");
    assert!(soon(worker.shutdown(LEASE)).await.is_clean());
}

async fn jobs_of_a_dead_worker_are_rescued(kit: Kit) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |(), cx: Context| {
        let gate = inner.clone();
        async move {
            if cx.attempt() == 1 {
                gate.pass().await;
            }
            cx.attempt()
        }
    };
    let doomed = kit.worker().lease(LEASE).register("dies", task.clone());
    runtime.spawn(async move { doomed.start().await.unwrap() }).await.unwrap();
    let job = kit.client.enqueue(Call::new("dies", ()).returns::<u32>()).await.unwrap();
    gate.until_came(1).await;
    runtime.shutdown_background();
    kit.worker().lease(LEASE).register("dies", task).start().await.unwrap();
    kit.pass_until_state(&job, State::Completed).await;
    // On a busy machine the clock may run ahead of the second worker's heartbeats as well.
    assert!(job.output().await.unwrap() > 1);
}

async fn a_worker_that_was_suspended_rescues_none_of_its_own_jobs(kit: Kit) {
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |()| {
        let gate = inner.clone();
        async move { gate.pass().await }
    };
    let worker = kit.worker().lease(LEASE).register("long", task).start().await.unwrap();
    let first = worker.id();
    let job = kit.client.enqueue(Call::new("long", ())).await.unwrap();
    gate.until_came(1).await;
    for _ in 0..20 {
        let before = count(&kit.store.rescues);
        kit.clock.advance(10 * LEASE);
        until("a rescue", async || count(&kit.store.rescues) > before).await;
    }
    gate.open(1);
    assert_eq!(soon(job.wait()).await.unwrap().attempt, 1);
    assert_eq!(worker.id(), first);
    worker.shutdown(Duration::ZERO).await;
}

async fn the_longest_lease_is_renewed(kit: Kit) {
    for seed in 1..=8 {
        let worker = kit.worker().seed(seed).lease(Duration::MAX).poll_interval(Duration::MAX);
        let worker = worker.register("quick", |()| async {}).start().await.unwrap();
        kit.store.heartbeat(worker.id()).await.unwrap();
        soon(kit.client.enqueue(Call::new("quick", ())).await.unwrap().wait()).await.unwrap();
        assert!(soon(worker.shutdown(LEASE)).await.is_clean());
        assert_eq!(count(&kit.store.leaves), seed as usize, "it lived until then");
    }
}
