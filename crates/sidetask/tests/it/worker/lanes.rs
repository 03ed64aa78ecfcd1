use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask::{Call, Context, Registry, State, TaskError};

use crate::kit::{Kit, over_stores};

over_stores! {
    a_limit_holds_with_more_places_than_it_has,
    a_sequence_runs_in_order_whatever_fails,
    other_jobs_pass_those_that_are_held,
}

const STEP: Duration = Duration::from_millis(100);

/// How many attempts run, and ran at most at one time.
#[derive(Clone, Default)]
struct Together(Arc<(AtomicUsize, AtomicUsize)>);

impl Together {
    /// Runs as one of them.
    async fn run(&self) {
        let (running, most) = &*self.0;
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        running.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    /// A registry of one kind, `work`, that fails on as many attempts as its argument says.
    fn registry(&self) -> Registry {
        let (together, mut registry) = (self.clone(), Registry::new());
        registry.register("work", move |failures: u32, cx: Context| {
            let together = together.clone();
            async move {
                together.run().await;
                if cx.attempt() > failures { Ok(()) } else { Err(TaskError::retry_after(STEP, "not yet")) }
            }
        });
        registry
    }
}

async fn count(kit: &Kit, state: State) -> u64 {
    kit.client.stats().await.unwrap().total().count(state)
}

async fn a_limit_holds_with_more_places_than_it_has(kit: Kit) {
    let together = Together::default();
    let worker = kit.bare_worker().queue("default", 10).registry(together.registry()).start().await.unwrap();
    // Some are stored one by one, and go to lent slots.
    for failures in [0, 1, 2, 0] {
        kit.client.enqueue(call(failures).limit("two", 2)).await.unwrap();
    }
    kit.client.enqueue_many((0..26).map(|n| call(n % 3).limit("two", 2))).await.unwrap();
    kit.pass_until(STEP, "all done", async || count(&kit, State::Completed).await == 30).await;
    assert!(together.most() <= 2, "{} at once", together.most());
    worker.shutdown(Duration::ZERO).await;
}

/// Workers of two processes keep to one limit.
#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_keep_to_one_limit() {
    let (kit, elsewhere) = crate::kit::sqlite_pair().await;
    let together = Together::default();
    let start = async |kit: &Kit| kit.worker().registry(together.registry()).start().await.unwrap();
    let workers = [start(&kit).await, start(&elsewhere).await];
    kit.client.enqueue_many((0..10).map(|n| call(n % 2).limit("two", 2))).await.unwrap();
    elsewhere.client.enqueue_many((0..10).map(|n| call(n % 2).limit("two", 2))).await.unwrap();
    kit.pass_until(STEP, "all done", async || count(&kit, State::Completed).await == 20).await;
    assert!(together.most() <= 2, "{} at once", together.most());
    for worker in workers {
        worker.shutdown(Duration::ZERO).await;
    }
}

async fn a_sequence_runs_in_order_whatever_fails(kit: Kit) {
    let ran = Arc::new(Mutex::new(Vec::new()));
    let (noted, mut registry) = (Arc::clone(&ran), Registry::new());
    registry.register("step", move |number: u32, cx: Context| {
        noted.lock().unwrap().push((number, cx.attempt()));
        async move {
            match (number % 3, cx.attempt()) {
                (1, 1..=2) => Err(TaskError::retry_after(STEP, "not yet")),
                (2, _) => Err(TaskError::permanent("never")),
                _ => Ok(()),
            }
        }
    });
    let worker = kit.bare_worker().queue("default", 10).registry(registry).start().await.unwrap();
    kit.client.enqueue_many((0..9).map(|number| Call::new("step", number).sequence("steps"))).await.unwrap();
    let ended = async || count(&kit, State::Completed).await + count(&kit, State::Discarded).await == 9;
    kit.pass_until(STEP, "all ended", ended).await;
    let expected = (0..9).flat_map(|number| (1..=if number % 3 == 1 { 3 } else { 1 }).map(move |at| (number, at)));
    assert_eq!(*ran.lock().unwrap(), expected.collect::<Vec<_>>());
    worker.shutdown(Duration::ZERO).await;
}

/// Those that are held take no place of a worker.
async fn other_jobs_pass_those_that_are_held(kit: Kit) {
    let jobs = kit.client.enqueue_many((0..20).map(|_| call(1).delay(STEP).sequence("slow"))).await.unwrap();
    let plain = kit.client.enqueue(call(0)).await.unwrap();
    let together = Together::default();
    let worker = kit.bare_worker().queue("default", 1).registry(together.registry()).start().await.unwrap();
    kit.until_state(&plain, State::Completed).await;
    assert_eq!(count(&kit, State::Scheduled).await, 20);
    assert!(jobs[1].record().await.unwrap().held);
    worker.shutdown(Duration::ZERO).await;
}

fn call(failures: u32) -> Call {
    Call::new("work", failures)
}
