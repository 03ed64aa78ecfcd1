use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use sidetask::{Call, Client, Clock, Filter, JobId, MemoryStore, Page, State};

use crate::faulty::{count, set};
use crate::kit::{Kit, over_stores, soon, until};
use crate::wait::{LONG, block_on_bare};

over_stores! {
    one_key_makes_one_job,
    an_id_told_before_the_job_is_stored_is_the_jobs,
    many_are_stored_together_or_not_at_all,
    arguments_over_the_limit_are_refused,
    what_is_not_there_is_said_to_be_not_there,
    a_waiting_job_is_cancelled_at_once_and_retried_by_hand,
    a_held_job_is_let_go_by_hand,
    a_queue_is_paused_and_resumed,
    lists_page_backwards_and_purge_deletes,
    many_wait_for_many,
    a_wait_ends_when_the_job_is_purged,
    a_closed_store_says_so,
    what_cannot_be_done_is_refused,
}

fn nothing() -> Call {
    Call::new("nothing", ())
}

async fn one_key_makes_one_job(kit: Kit) {
    let enqueue = || {
        let client = kit.client.clone();
        tokio::spawn(async move { client.enqueue(nothing().key("once")).await.unwrap() })
    };
    let tasks: Vec<_> = (0..100).map(|_| enqueue()).collect();
    let mut jobs = Vec::new();
    for task in tasks {
        jobs.push(soon(task).await.unwrap());
    }
    assert_eq!(jobs.iter().filter(|job| !job.existed()).count(), 1);
    assert!(jobs.iter().all(|job| job.id() == jobs[0].id()));
    assert_eq!(kit.client.stats().await.unwrap().total().total(), 1);
}

async fn an_id_told_before_the_job_is_stored_is_the_jobs(kit: Kit) {
    let ids: Vec<JobId> = (0..100).map(|_| kit.client.clone().new_job_id()).collect();
    assert!(ids.is_sorted() && ids.iter().collect::<HashSet<_>>().len() == 100);
    let told = kit.client.handle::<u64>(ids[0]);
    assert!(told.record().await.unwrap_err().is_not_found());
    kit.clock.advance(Duration::from_secs(60));
    let later = kit.client.enqueue(nothing()).await.unwrap();
    assert!(later.id() > ids[99], "an id is of the time at which it was made");

    let worker = kit.worker().register("double", |n: u64| async move { 2 * n }).start().await.unwrap();
    let double = || Call::new("double", 21).id(ids[0]);
    let jobs = kit.client.enqueue_many([double(), double()]).await.unwrap();
    assert_eq!([jobs[0].existed(), jobs[1].existed()], [false, true]);
    assert_eq!(soon(told.output()).await.unwrap(), 42);
    assert_eq!(kit.client.enqueue(double()).await.unwrap().id(), ids[0]);
    worker.shutdown(Duration::ZERO).await;
}

async fn many_are_stored_together_or_not_at_all(kit: Kit) {
    let error = kit.client.enqueue_many([nothing(), nothing().max_attempts(0)]).await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert_eq!(kit.client.stats().await.unwrap().total().total(), 0);

    let jobs = kit.client.enqueue_many((0..50).map(|_| nothing())).await.unwrap();
    assert!(jobs.is_sorted_by_key(sidetask::Job::id));
    assert_eq!(kit.client.stats().await.unwrap().total().count(State::Available), 50);
    assert!(kit.client.enqueue_many::<()>([]).await.unwrap().is_empty());
}

async fn arguments_over_the_limit_are_refused(kit: Kit) {
    let client = Client::builder(kit.store).max_args_bytes(100).build();
    let error = client.enqueue(Call::new("k", "x".repeat(99))).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
    client.enqueue(Call::new("k", "x".repeat(98))).await.unwrap();
    let error = kit.client.enqueue(Call::new("k", "x".repeat(1 << 20))).await.unwrap_err();
    assert!(error.to_string().contains("1048576"), "{error}");
}

async fn what_is_not_there_is_said_to_be_not_there(kit: Kit) {
    let id: JobId = "019a5c2e-7d31-7cc0-8a5e-0242ac120002".parse().unwrap();
    assert!(kit.client.job(id).await.unwrap().is_none());
    assert!(kit.client.cancel(id).await.unwrap_err().is_not_found());
    assert!(kit.client.retry(id).await.unwrap_err().is_not_found());
    assert!(kit.client.reschedule(id, Duration::ZERO).await.unwrap_err().is_not_found());
    let job = kit.client.handle::<String>(id);
    assert!(job.record().await.unwrap_err().is_not_found());
    assert!(soon(job.output()).await.unwrap_err().is_not_found());
    let mut progress = job.progress();
    assert!(soon(progress.next()).await.unwrap().unwrap_err().is_not_found());
    assert!(soon(progress.next()).await.is_none());
    let error = kit.client.list(Filter::all().queue("nowhere"), Page::default()).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

async fn a_waiting_job_is_cancelled_at_once_and_retried_by_hand(kit: Kit) {
    let job = kit.client.enqueue(nothing()).await.unwrap();
    assert!(job.try_output().await.unwrap_err().is_not_finished());
    let waiting = tokio::spawn({
        let job = job.clone();
        async move { job.output().await }
    });
    assert_eq!(job.cancel().await.unwrap(), State::Cancelled);
    assert!(soon(waiting).await.unwrap().unwrap_err().is_cancelled());
    assert_eq!(job.retry().await.unwrap(), State::Available);
}

async fn a_held_job_is_let_go_by_hand(kit: Kit) {
    let worker = kit.worker().register("nothing", |()| async {}).start().await.unwrap();
    let held = kit.client.enqueue(nothing().delay(Duration::from_secs(3600))).await.unwrap();
    assert_eq!(held.reschedule(Duration::from_secs(7200)).await.unwrap(), State::Scheduled);
    assert_eq!(held.record().await.unwrap().run_at, kit.clock.now().after(Duration::from_secs(7200)));
    assert_eq!(kit.client.reschedule(held.id(), Duration::ZERO).await.unwrap(), State::Available);
    soon(held.wait()).await.unwrap();
    assert_eq!(held.reschedule(Duration::ZERO).await.unwrap(), State::Completed);
    worker.shutdown(Duration::ZERO).await;
}

async fn a_queue_is_paused_and_resumed(kit: Kit) {
    let worker = kit.worker().register("nothing", |()| async {}).start().await.unwrap();
    kit.client.pause("default").await.unwrap();
    let held = kit.client.enqueue(nothing()).await.unwrap();
    let other = kit.client.enqueue(nothing().queue("other")).await.unwrap();
    let second = kit.bare_worker().queue("other", 1).register("nothing", |()| async {}).start().await.unwrap();
    soon(other.wait()).await.unwrap();
    assert_eq!(held.record().await.unwrap().state, State::Available);
    kit.client.resume("default").await.unwrap();
    soon(held.wait()).await.unwrap();
    worker.shutdown(Duration::ZERO).await;
    second.shutdown(Duration::ZERO).await;
}

async fn lists_page_backwards_and_purge_deletes(kit: Kit) {
    let jobs = kit.client.enqueue_many((0..5).map(|_| nothing())).await.unwrap();
    let first = kit.client.list(Filter::all(), Page::first(2)).await.unwrap();
    assert_eq!(first.iter().map(|job| job.id).collect::<Vec<_>>(), [jobs[4].id(), jobs[3].id()]);
    let next = kit.client.list(Filter::all(), Page::first(2).after(first[1].id)).await.unwrap();
    assert_eq!(next[0].id, jobs[2].id());

    for job in &jobs {
        job.cancel().await.unwrap();
    }
    let day = Duration::from_secs(86_400);
    assert_eq!(kit.client.purge(State::Cancelled, day).await.unwrap(), 0);
    kit.clock.advance(day);
    assert_eq!(kit.client.purge(State::Cancelled, day).await.unwrap(), 5);
}

async fn many_wait_for_many(kit: Kit) {
    let worker = kit.worker().register("double", |n: u64| async move { 2 * n }).start().await.unwrap();
    let wait = |n: u64| {
        let client = kit.client.clone();
        tokio::spawn(async move {
            let job = client.enqueue(Call::new("double", n).returns::<u64>()).await.unwrap();
            let other = client.handle::<u64>(job.id());
            let (first, second) = tokio::join!(job.output(), other.output());
            (first.unwrap(), second.unwrap())
        })
    };
    let tasks: Vec<_> = (0..300).map(wait).collect();
    for (n, task) in (0..).zip(tasks) {
        assert_eq!(soon(task).await.unwrap(), (2 * n, 2 * n));
    }
    worker.shutdown(Duration::from_secs(5)).await;
}

async fn a_wait_ends_when_the_job_is_purged(kit: Kit) {
    // Nobody hears of the end: the net under the events has to find it.
    set(&kit.store.is_silent, true);
    let job = kit.client.enqueue(nothing()).await.unwrap();
    let waiting = tokio::spawn({
        let job = job.clone();
        async move { job.wait().await }
    });
    until("the job to be read", async || count(&kit.store.reads) == 1).await;
    job.cancel().await.unwrap();
    kit.client.purge(State::Cancelled, Duration::ZERO).await.unwrap();
    kit.pass_until(Duration::from_secs(1), "the wait to end", async || waiting.is_finished()).await;
    assert!(waiting.await.unwrap().is_err_and(|error| error.is_not_found()));
}

async fn a_closed_store_says_so(kit: Kit) {
    let job = kit.client.enqueue(nothing()).await.unwrap();
    let waiting = tokio::spawn({
        let job = job.clone();
        async move { job.wait().await }
    });
    kit.client.close().await.unwrap();
    assert!(kit.client.enqueue(nothing()).await.unwrap_err().is_closed());
    kit.pass_until(Duration::from_secs(1), "the wait to end", async || waiting.is_finished()).await;
    assert!(waiting.await.unwrap().unwrap_err().is_closed());
    until("the store to be let go", async || job.record().await.is_err()).await;
}

#[test]
fn a_wait_without_a_runtime_ends() {
    let client = Client::new(Arc::new(MemoryStore::new()));
    let ended_runtime = tokio::runtime::Builder::new_current_thread().build().unwrap().handle().clone();
    let (sender, ends) = mpsc::channel();
    for (runtime, end) in [(None, Err("it panicked")), (Some(ended_runtime), Ok(true))] {
        let (sender, job) = (sender.clone(), block_on_bare(client.enqueue(nothing())).unwrap());
        std::thread::spawn(move || {
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            let waited = catch_unwind(AssertUnwindSafe(|| block_on_bare(job.wait())));
            sender.send(waited.map_err(|_| "it panicked").map(|record| record.unwrap_err().is_closed())).unwrap();
        });
        assert_eq!(ends.recv_timeout(LONG).unwrap(), end);
    }
}

async fn what_cannot_be_done_is_refused(kit: Kit) {
    kit.client.enqueue(nothing()).await.unwrap();
    for state in State::ALL.into_iter().filter(|state| !state.is_final()) {
        let error = kit.client.purge(state, Duration::ZERO).await.unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(state.as_str()), "{error}");
    }
    for queue in ["", "a\0b", &"x".repeat(257)] {
        let error = kit.client.pause(queue).await.unwrap_err();
        assert!(error.is_configuration(), "{error}");
    }
    assert_eq!(kit.client.stats().await.unwrap().queues.len(), 1, "nothing was changed");
}
