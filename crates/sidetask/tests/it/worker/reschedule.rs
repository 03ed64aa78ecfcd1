use std::time::Duration;

use sidetask::{Call, Client, State, WorkerBuilder};

use crate::faulty::count;
use crate::kit::{Kit, over_stores, until};

over_stores! {
    a_worker_notices_a_job_that_is_due_sooner,
    a_dormant_worker_notices_a_job_that_is_due_sooner,
}

const SOONER: Duration = Duration::from_secs(2);

/// After this long a worker looks at what is due, whatever it has heard.
const LONGEST_REST: Duration = Duration::from_secs(50);

async fn a_worker_notices_a_job_that_is_due_sooner(kit: Kit) {
    assert_noticed(&kit, kit.worker(), &kit.client).await;
}

async fn a_dormant_worker_notices_a_job_that_is_due_sooner(kit: Kit) {
    assert_noticed(&kit, kit.worker().when_needed(), &kit.client).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_notices_what_another_process_reschedules() {
    let (kit, elsewhere) = crate::kit::sqlite_pair().await;
    assert_noticed(&kit, kit.worker(), &elsewhere.client).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dormant_worker_notices_what_another_process_reschedules() {
    let (kit, elsewhere) = crate::kit::sqlite_pair().await;
    assert_noticed(&kit, kit.worker().when_needed(), &elsewhere.client).await;
}

/// A worker that sleeps until a job is due in an hour runs it at the time to which `by` moves it.
async fn assert_noticed(kit: &Kit, worker: WorkerBuilder, by: &Client) {
    let worker = worker.register("nothing", |()| async {}).start().await.unwrap();
    until("the worker to look at what is due", async || count(&kit.store.promotions) > 0).await;
    let looks = count(&kit.store.promotions);
    let job = kit.client.enqueue(Call::new("nothing", ()).delay(Duration::from_secs(3600))).await.unwrap();
    until("the worker to hear of the job", async || count(&kit.store.promotions) > looks).await;
    let looks = count(&kit.store.promotions);

    assert_eq!(by.reschedule(job.id(), SOONER).await.unwrap(), State::Scheduled);
    until("the worker to hear of the new time", async || count(&kit.store.promotions) > looks).await;
    let is_done = async || job.record().await.unwrap().state == State::Completed;
    kit.pass_until(Duration::from_millis(10), "the job to be done", is_done).await;
    let done = job.record().await.unwrap();
    let waited = done.attempted_at.unwrap().since(done.created_at);
    assert!((SOONER..LONGEST_REST).contains(&waited), "{waited:?}");
    worker.shutdown(Duration::ZERO).await;
}
