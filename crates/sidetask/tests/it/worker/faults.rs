use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sidetask::{Call, State};

use crate::faulty::{count, set};
use crate::kit::{Gate, Kit, over_stores, until};

over_stores! {
    a_store_that_fails_for_a_while_loses_nothing,
    results_that_cannot_be_written_bound_what_is_claimed,
}

async fn a_store_that_fails_for_a_while_loses_nothing(kit: Kit) {
    let gate = Gate::new();
    let runs = Arc::new(AtomicUsize::new(0));
    let inner = (gate.clone(), Arc::clone(&runs));
    let task = move |()| {
        let (gate, runs) = inner.clone();
        async move {
            gate.pass().await;
            runs.fetch_add(1, Ordering::SeqCst);
        }
    };
    let worker = kit.worker().lease(Duration::from_secs(3600)).register("gated", task).start().await.unwrap();
    let jobs = kit.client.enqueue_many((0..20).map(|_| Call::new("gated", ()))).await.unwrap();
    gate.until_came(4).await;
    set(&kit.store.is_down, true);
    gate.open(20);
    let refused = async || count(&kit.store.refused_finishes) > 3;
    kit.pass_until(Duration::from_millis(100), "reports to be refused", refused).await;
    assert!(worker.stats().unconfirmed >= 4);
    set(&kit.store.is_down, false);
    for job in &jobs {
        let ended = kit.pass_until_state(job, State::Completed).await;
        assert_eq!(ended.attempt, 1);
    }
    assert_eq!(runs.load(Ordering::SeqCst), 20, "no job ran twice");
    until("the worker to be idle", async || worker.is_idle()).await;
    assert!(worker.shutdown(Duration::ZERO).await.is_clean());
}

async fn results_that_cannot_be_written_bound_what_is_claimed(kit: Kit) {
    set(&kit.store.finishes_fail, true);
    let worker = kit.bare_worker().queue("default", 1).register("nothing", |()| async {}).start().await.unwrap();
    let jobs = kit.client.enqueue_many((0..300).map(|_| Call::new("nothing", ()))).await.unwrap();
    let most = 64 + 4;
    let is_behind = async || worker.stats().unconfirmed >= most;
    kit.pass_until(Duration::from_millis(10), "reports to pile up", is_behind).await;
    let claims = count(&kit.store.claims);
    for _ in 0..20 {
        kit.clock.advance(Duration::from_millis(500));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((worker.stats().unconfirmed, count(&kit.store.claims)), (most, claims), "no more is claimed");
    set(&kit.store.finishes_fail, false);
    for job in &jobs {
        kit.pass_until_state(job, State::Completed).await;
    }
}
