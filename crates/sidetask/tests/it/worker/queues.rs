use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sidetask::{Call, Context, State};

use crate::faulty::{count, set};
use crate::kit::{Gate, Kit, over_stores, soon, until};

over_stores! {
    no_queue_runs_more_than_its_concurrency,
    a_full_queue_does_not_hold_up_another,
    a_backlog_is_worked_off_in_order,
    a_delayed_job_runs_when_it_is_due,
    a_worker_that_hears_nothing_finds_its_jobs,
    an_idle_worker_asks_for_nothing_between_polls,
    ended_jobs_are_purged_after_their_retention,
}

async fn no_queue_runs_more_than_its_concurrency(kit: Kit) {
    let peaks: Arc<[[AtomicUsize; 2]; 2]> = Arc::default();
    let inner = Arc::clone(&peaks);
    let task = move |queue: usize, _: Context| {
        let peaks = Arc::clone(&inner);
        async move {
            let [running, peak] = &peaks[queue];
            peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
        }
    };
    let call = |n: usize| Call::new("count", n % 2).queue(["a", "b"][n % 2]);
    let mut jobs = kit.client.enqueue_many((0..200).map(call)).await.unwrap();
    let worker = kit.bare_worker().queue("a", 1).queue("b", 3).register("count", task).start().await.unwrap();
    for n in 0..200 {
        jobs.push(kit.client.enqueue(call(n)).await.unwrap());
    }
    for job in &jobs {
        assert_eq!(soon(job.wait()).await.unwrap().state, State::Completed);
    }
    let peak = |queue: usize| peaks[queue][1].load(Ordering::SeqCst);
    assert_eq!(peak(0), 1);
    assert!((1..=3).contains(&peak(1)), "{}", peak(1));
    assert!(worker.shutdown(Duration::from_secs(5)).await.is_clean());
}

async fn a_full_queue_does_not_hold_up_another(kit: Kit) {
    let gate = Gate::new();
    let inner = gate.clone();
    let task = move |waits: bool| {
        let gate = inner.clone();
        async move {
            if waits {
                gate.pass().await;
            }
        }
    };
    let worker = kit.bare_worker().queue("slow", 2).queue("fast", 1).register("task", task).start().await.unwrap();
    let slow = kit.client.enqueue_many((0..4).map(|_| Call::new("task", true).queue("slow"))).await.unwrap();
    gate.until_came(2).await;
    for _ in 0..5 {
        let fast = kit.client.enqueue(Call::new("task", false).queue("fast")).await.unwrap();
        soon(fast.wait()).await.unwrap();
    }
    assert_eq!(worker.stats().queues[0].running, 2);
    assert!(!worker.is_idle());
    gate.open(4);
    for job in &slow {
        soon(job.wait()).await.unwrap();
    }
    until("the worker to be idle", async || worker.is_idle()).await;
}

async fn a_backlog_is_worked_off_in_order(kit: Kit) {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let inner = Arc::clone(&seen);
    let task = move |n: u32| {
        inner.lock().unwrap().push(n);
        async {}
    };
    let call = |n: u32| Call::new("note", n).priority(if n < 50 { 1 } else { 0 });
    let jobs = kit.client.enqueue_many((0..100).map(call)).await.unwrap();
    kit.bare_worker().queue("default", 1).register("note", task).start().await.unwrap();
    for job in &jobs {
        soon(job.wait()).await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), (50..100).chain(0..50).collect::<Vec<_>>());
}

async fn a_delayed_job_runs_when_it_is_due(kit: Kit) {
    kit.worker().register("nothing", |()| async {}).start().await.unwrap();
    let delay = Duration::from_secs(60);
    let job = kit.client.enqueue(Call::new("nothing", ()).delay(delay)).await.unwrap();
    assert_eq!(job.record().await.unwrap().state, State::Scheduled);
    let done = kit.pass_until_state(&job, State::Completed).await;
    let waited = done.attempted_at.unwrap().since(done.created_at);
    assert!(waited >= delay && waited < delay + Duration::from_secs(30), "{waited:?}");
}

async fn a_worker_that_hears_nothing_finds_its_jobs(kit: Kit) {
    set(&kit.store.is_silent, true);
    let worker = kit.worker().register("nothing", |()| async {}).start().await.unwrap();
    let jobs = kit.client.enqueue_many((0..20).map(|_| Call::new("nothing", ()))).await.unwrap();
    for job in &jobs {
        kit.pass_until_state(job, State::Completed).await;
    }
    let delayed = kit.client.enqueue(Call::new("nothing", ()).delay(Duration::from_secs(5))).await.unwrap();
    kit.pass_until_state(&delayed, State::Completed).await;
    let waiting = tokio::spawn(async move { delayed.wait().await });
    kit.pass_until(Duration::from_secs(1), "the wait to end", async || waiting.is_finished()).await;
    worker.shutdown(Duration::ZERO).await;
}

async fn an_idle_worker_asks_for_nothing_between_polls(kit: Kit) {
    let worker = kit.worker().register("nothing", |()| async {}).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("nothing", ())).await.unwrap();
    soon(job.wait()).await.unwrap();
    until("the worker to be idle", async || worker.is_idle()).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let before = count(&kit.store.claims);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(count(&kit.store.claims), before);
}

async fn ended_jobs_are_purged_after_their_retention(kit: Kit) {
    let task = |fails: bool| async move { if fails { Err(sidetask::TaskError::permanent("broken")) } else { Ok(()) } };
    let retention = sidetask::Retention::default().completed(Duration::from_secs(600)).discarded(None);
    kit.worker().register("task", task).retention(retention).start().await.unwrap();
    let done = kit.client.enqueue(Call::new("task", false)).await.unwrap();
    let broken = kit.client.enqueue(Call::new("task", true)).await.unwrap();
    soon(done.wait()).await.unwrap();
    soon(broken.wait()).await.unwrap();
    let is_gone = async || done.record().await.is_err();
    kit.pass_until(Duration::from_secs(5), "the job to be purged", is_gone).await;
    assert_eq!(broken.record().await.unwrap().state, State::Discarded);
}
