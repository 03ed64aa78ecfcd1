use std::time::Duration;

use sidetask::{Call, Context, State, TaskError};

use crate::faulty::{count, set};
use crate::kit::{Gate, Kit, over_stores, soon, until};

over_stores! {
    a_running_task_sees_that_it_is_cancelled,
    the_result_of_a_task_that_ignores_it_is_dropped,
    a_cancellation_elsewhere_is_seen_at_the_next_heartbeat,
}

async fn a_running_task_sees_that_it_is_cancelled(kit: Kit) {
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |(), cx: Context| {
        inner.open(1);
        let gate = inner.clone();
        async move {
            gate.pass().await;
            cx.cancelled().await;
            Err::<(), _>(TaskError::new("stopped half way"))
        }
    };
    let worker = kit.worker().register("waits", task).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("waits", ())).await.unwrap();
    gate.until_came(1).await;
    assert_eq!(job.cancel().await.unwrap(), State::Running);
    assert!(soon(job.output()).await.unwrap_err().is_cancelled());
    assert_eq!(job.record().await.unwrap().attempt, 1, "it is not retried");
    assert!(worker.shutdown(Duration::ZERO).await.is_clean());
}

async fn the_result_of_a_task_that_ignores_it_is_dropped(kit: Kit) {
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |()| {
        let gate = inner.clone();
        async move {
            gate.pass().await;
            String::from("done all the same")
        }
    };
    kit.worker().register("ignores", task).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("ignores", ())).await.unwrap();
    gate.until_came(1).await;
    job.cancel().await.unwrap();
    gate.open(1);
    assert!(soon(job.output()).await.unwrap_err().is_cancelled());
    assert_eq!(job.record().await.unwrap().output, None);
}

async fn a_cancellation_elsewhere_is_seen_at_the_next_heartbeat(kit: Kit) {
    set(&kit.store.is_silent, true);
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |(), cx: Context| {
        let gate = inner.clone();
        async move {
            gate.open(1);
            gate.pass().await;
            cx.cancelled().await;
        }
    };
    kit.worker().register("waits", task).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("waits", ())).await.unwrap();
    kit.pass_until(Duration::from_millis(500), "the job to run", async || gate.came() == 1).await;
    job.cancel().await.unwrap();
    kit.pass_until_state(&job, State::Cancelled).await;
}

/// Two stores on one file are two processes to each other. The clock stands still: no heartbeat tells.
#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_by_another_process_is_seen_at_once() {
    let (kit, elsewhere) = crate::kit::sqlite_pair().await;
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |(), cx: Context| {
        let gate = inner.clone();
        async move {
            gate.open(1);
            gate.pass().await;
            cx.cancelled().await;
        }
    };
    kit.worker().register("waits", task).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("waits", ())).await.unwrap();
    gate.until_came(1).await;
    assert_eq!(elsewhere.client.cancel(job.id()).await.unwrap(), State::Running);
    assert!(soon(job.output()).await.unwrap_err().is_cancelled());
}

/// What one idle worker writes is no reason for another to write.
#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_workers_on_one_file_do_not_wake_each_other_for_ever() {
    let (kit, elsewhere) = crate::kit::sqlite_pair().await;
    let started = [&kit, &elsewhere].map(|kit| kit.worker().register("any", |()| async {}).start());
    for worker in started {
        worker.await.unwrap();
    }
    for _ in 0..5 {
        kit.client.pause("unrelated").await.unwrap();
    }
    let claims = || count(&kit.store.claims) + count(&elsewhere.store.claims);
    let beats = || count(&kit.store.heartbeats) + count(&elsewhere.store.heartbeats);
    // Each change is looked into once, and that changes nothing: so it comes to an end.
    until("quiet", async || {
        let before = claims();
        tokio::time::sleep(Duration::from_millis(600)).await;
        claims() == before
    })
    .await;
    assert_eq!(beats(), 0);
}
