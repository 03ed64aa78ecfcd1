use std::time::Duration;

use sidetask::{Call, Registry, State, WorkerBuilder};

use crate::faulty::{count, set};
use crate::kit::{Gate, Kit, over_stores, soon, until};

over_stores! {
    what_runs_is_waited_for,
    the_rest_is_given_back_without_an_attempt,
    a_blocking_function_that_cannot_be_stopped_is_reported,
    nothing_is_claimed_afterwards,
    two_shutdowns_have_one_end,
    a_dropped_shutdown_goes_on,
    a_store_that_is_down_does_not_hold_it_up,
    a_dropped_handle_leaves_the_worker_running,
}

fn gated(builder: WorkerBuilder, gate: &Gate) -> WorkerBuilder {
    let gate = gate.clone();
    builder.register("gated", move |()| {
        let gate = gate.clone();
        async move { gate.pass().await }
    })
}

fn call() -> Call {
    Call::new("gated", ())
}

const LONG: Duration = Duration::from_secs(3600);

async fn what_runs_is_waited_for(kit: Kit) {
    let gate = Gate::new();
    let worker = gated(kit.worker(), &gate).start().await.unwrap();
    let jobs = kit.client.enqueue_many((0..3).map(|_| call())).await.unwrap();
    gate.until_came(3).await;
    let (report, ()) = soon(async { tokio::join!(worker.shutdown(LONG), async { gate.open(3) }) }).await;
    assert!(report.is_clean() && report.finished == 3, "{report}");
    assert!(worker.is_idle());
    for job in jobs {
        assert_eq!(job.record().await.unwrap().state, State::Completed);
    }
    assert_eq!(count(&kit.store.leaves), 1);
}

async fn the_rest_is_given_back_without_an_attempt(kit: Kit) {
    let gate = Gate::new();
    let jobs = kit.client.enqueue_many((0..50).map(|_| call().max_attempts(1))).await.unwrap();
    let worker = gated(kit.bare_worker().queue("default", 8), &gate).start().await.unwrap();
    gate.until_came(8).await;
    gate.open(4);
    gate.until_came(12).await;
    let report = soon(worker.shutdown(Duration::from_millis(10))).await;
    assert_eq!((report.given_back.len(), report.unflushed), (8, 0), "{report}");
    assert!(report.given_back.iter().all(|job| &*job.kind == "gated" && !job.is_blocking));
    let mut completed = 0;
    for job in &jobs {
        let job = job.record().await.unwrap();
        match job.state {
            State::Completed => completed += 1,
            _ => assert_eq!((job.state, job.attempt, job.errors.len()), (State::Available, 0, 0)),
        }
    }
    assert_eq!(completed, 4);

    gate.open(100);
    let second = gated(kit.bare_worker().queue("default", 8), &gate).start().await.unwrap();
    for job in &jobs {
        assert_eq!(soon(job.wait()).await.unwrap().attempt, 1);
    }
    assert!(soon(second.shutdown(LONG)).await.is_clean());
}

async fn a_blocking_function_that_cannot_be_stopped_is_reported(kit: Kit) {
    let gate = Gate::new();
    let mut registry = Registry::new();
    let inner = gate.clone();
    registry.register_blocking("stubborn", move |()| inner.pass_blocking());
    let worker = kit.worker().registry(registry).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("stubborn", ())).await.unwrap();
    gate.until_came(1).await;
    let report = soon(worker.shutdown(Duration::ZERO)).await;
    assert_eq!(report.given_back.len(), 1);
    assert!(report.given_back[0].is_blocking && report.given_back[0].id == job.id());
    assert_eq!(report.to_string(), "0 finished, 1 given back (1 still on a blocking thread)");
    gate.open(1);
    let job = job.record().await.unwrap();
    assert_eq!((job.state, job.attempt), (State::Available, 0));
}

async fn nothing_is_claimed_afterwards(kit: Kit) {
    let gate = Gate::new();
    let worker = gated(kit.worker(), &gate).start().await.unwrap();
    assert!(soon(worker.shutdown(LONG)).await.is_clean());
    let job = kit.client.enqueue(call()).await.unwrap();
    kit.clock.advance(LONG);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!((gate.came(), job.record().await.unwrap().state), (0, State::Available));
}

async fn two_shutdowns_have_one_end(kit: Kit) {
    let gate = Gate::new();
    let worker = gated(kit.worker(), &gate).start().await.unwrap();
    kit.client.enqueue(call()).await.unwrap();
    gate.until_came(1).await;
    let (long, short) = soon(async { tokio::join!(worker.shutdown(LONG), worker.shutdown(Duration::ZERO)) }).await;
    assert_eq!(long, short);
    assert_eq!(soon(worker.shutdown(LONG)).await, long);
    assert_eq!(long.given_back.len(), 1);
}

async fn a_dropped_shutdown_goes_on(kit: Kit) {
    let gate = Gate::new();
    let worker = gated(kit.worker(), &gate).start().await.unwrap();
    kit.client.enqueue(call()).await.unwrap();
    gate.until_came(1).await;
    assert!(tokio::time::timeout(Duration::ZERO, worker.shutdown(LONG)).await.is_err());
    gate.open(1);
    until("the worker to leave", async || count(&kit.store.leaves) == 1).await;
}

async fn a_store_that_is_down_does_not_hold_it_up(kit: Kit) {
    let gate = Gate::new();
    let worker = gated(kit.worker(), &gate).start().await.unwrap();
    let job = kit.client.enqueue(call()).await.unwrap();
    gate.until_came(1).await;
    set(&kit.store.is_down, true);
    gate.open(1);
    until("the report to be refused", async || count(&kit.store.refused_finishes) > 0).await;
    let report = soon(worker.shutdown(Duration::from_millis(10))).await;
    assert_eq!((report.finished, report.unflushed), (0, 1), "{report}");
    set(&kit.store.is_down, false);
    assert_eq!(job.record().await.unwrap().state, State::Running, "its lease will bring it back");
}

async fn a_dropped_handle_leaves_the_worker_running(kit: Kit) {
    let gate = Gate::new();
    drop(gated(kit.worker(), &gate).start().await.unwrap());
    gate.open(1);
    let job = kit.client.enqueue(call()).await.unwrap();
    soon(job.wait()).await.unwrap();
}
