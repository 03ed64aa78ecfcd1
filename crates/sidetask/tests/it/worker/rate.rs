use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask::core::Clock as _;
use sidetask::{Call, Context, IntoOutcome, RateLimit, Registry, State, TaskError, TaskOptions};
use sidetask_testing::ManualClock;
use tokio::sync::Semaphore;

use crate::kit::{Kit, over_stores, soon, until};
use crate::rate::limit;

over_stores! {
    no_more_attempts_begin_than_the_limit_lets,
    a_thousand_jobs_are_claimed_about_twice_each,
    jobs_that_wait_leave_places_to_other_kinds,
    a_job_that_would_wait_for_long_is_given_back_until_its_turn,
    a_shutdown_gives_back_what_waits_without_an_attempt,
    a_job_that_waits_can_be_cancelled,
    what_the_service_asks_for_holds_for_all_kinds_that_share_the_limit,
    what_the_service_asks_for_frees_the_places_of_those_who_wait,
    retries_take_permits_as_well,
    limits_that_conflict_are_refused_at_the_start,
}

const MS: Duration = Duration::from_millis(1);
const STEP: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(3600);

/// When attempts began, by the store's clock, and with which fence.
#[derive(Clone)]
struct Begun(ManualClock, Arc<Mutex<Vec<(Duration, u64)>>>);

impl Begun {
    fn new(kit: &Kit) -> Self {
        Self(kit.clock.clone(), Arc::default())
    }

    fn register<R: IntoOutcome<Output = ()>>(
        &self,
        registry: &mut Registry,
        kind: &'static str,
        limit: &RateLimit,
        then: impl Fn(u32) -> R + Send + Sync + 'static,
    ) {
        let (begun, then) = (self.clone(), Arc::new(then));
        let task = move |(): (), cx: Context| {
            begun.1.lock().unwrap().push((begun.0.elapsed(), cx.fencing_token()));
            let then = Arc::clone(&then);
            async move { then(cx.attempt()) }
        };
        registry.register(kind, task).set_options(TaskOptions::new().rate_limit(limit.clone()));
    }

    /// A registry of one kind, `limited`, that does nothing else.
    fn limited(&self, limit: &RateLimit) -> Registry {
        let mut registry = Registry::new();
        self.register(&mut registry, "limited", limit, |_| ());
        registry
    }

    fn count(&self) -> usize {
        self.1.lock().unwrap().len()
    }

    fn times(&self) -> Vec<Duration> {
        self.1.lock().unwrap().iter().map(|(time, _)| *time).collect()
    }

    fn claims(&self) -> u64 {
        self.1.lock().unwrap().iter().map(|(_, fence)| fence).sum()
    }
}

fn calls(count: usize) -> impl Iterator<Item = Call> {
    (0..count).map(|_| Call::new("limited", ()))
}

async fn no_more_attempts_begin_than_the_limit_lets(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(50 * MS, 3));
    let jobs = kit.client.enqueue_many(calls(40)).await.unwrap();
    let worker = kit.worker().registry(begun.limited(&limit)).start().await.unwrap();
    kit.pass_until(STEP, "all begun", async || begun.count() == 40).await;
    let times = begun.times();
    // An attempt takes the time a little after it took its permit, while the clock is moved.
    let slack = 10 * STEP;
    for (at, begin) in times.iter().enumerate() {
        for (end, more) in times[at..].iter().skip(3).zip(1..) {
            assert!(*end + slack >= *begin + limit.per() * more, "{more} more than a burst in {:?}", *end - *begin);
        }
    }
    for job in jobs {
        let job = soon(job.wait()).await.unwrap();
        assert_eq!((job.state, job.attempt, job.errors.len()), (State::Completed, 1, 0));
    }
    worker.shutdown(LONG).await;
}

async fn a_thousand_jobs_are_claimed_about_twice_each(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(10 * MS, 5));
    kit.client.enqueue_many(calls(1000)).await.unwrap();
    let worker = kit.bare_worker().queue("default", 16).registry(begun.limited(&limit)).start().await.unwrap();
    let all_waiting = async || {
        let counts = kit.client.stats().await.unwrap().queue("default");
        counts.iter().all(|(state, count)| state != State::Available || count == 0)
    };
    until("all have a turn", all_waiting).await;
    kit.pass_until(STEP, "all begun", async || begun.count() == 1000).await;
    let claims = begun.claims();
    assert!(claims <= 2300, "{claims} claims");
    worker.shutdown(LONG).await;
}

async fn jobs_that_wait_leave_places_to_other_kinds(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(200 * MS, 1));
    let mut registry = begun.limited(&limit);
    registry.register("free", |(): ()| async {});
    kit.client.enqueue_many(calls(100)).await.unwrap();
    let free = kit.client.enqueue(Call::new("free", ())).await.unwrap();
    let worker = kit.worker().registry(registry).start().await.unwrap();
    soon(free.wait()).await.unwrap();
    until("half of the places wait", async || worker.stats().queues[0].running == 2).await;
    assert_eq!(begun.count(), 1);
    worker.shutdown(LONG).await;
}

async fn a_job_that_would_wait_for_long_is_given_back_until_its_turn(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(10_000 * MS, 1));
    let jobs = kit.client.enqueue_many(calls(3)).await.unwrap();
    let begin = kit.clock.now();
    let worker = kit.worker().registry(begun.limited(&limit)).start().await.unwrap();
    let mut turns = Vec::new();
    for job in &jobs {
        until("it ran or is given back", async || {
            let state = job.record().await.unwrap().state;
            state == State::Completed || state == State::Scheduled
        })
        .await;
        let job = job.record().await.unwrap();
        if job.state == State::Scheduled {
            assert_eq!((job.attempt, job.errors.len()), (0, 0));
            turns.push(job.run_at.since(begin));
        }
    }
    turns.sort();
    assert_eq!(turns, [10_000 * MS, 20_000 * MS]);
    for (turn, count) in turns.into_iter().zip(2..) {
        let wait = turn.saturating_sub(kit.clock.now().since(begin));
        kit.clock.advance(wait);
        until("one more began", async || begun.count() == count).await;
    }
    worker.shutdown(LONG).await;
}

async fn a_shutdown_gives_back_what_waits_without_an_attempt(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(500 * MS, 1));
    let worker = kit.worker().registry(begun.limited(&limit)).start().await.unwrap();
    let first = kit.client.enqueue(Call::new("limited", ())).await.unwrap();
    soon(first.wait()).await.unwrap();
    let second = kit.client.enqueue(Call::new("limited", ()).max_attempts(1)).await.unwrap();
    until("it waits", async || worker.stats().queues[0].running == 1).await;
    soon(worker.shutdown(LONG)).await;
    let job = second.record().await.unwrap();
    assert_eq!((job.state, job.attempt, job.errors.len()), (State::Available, 0, 0));
    assert_eq!(begun.count(), 1);
}

async fn a_job_that_waits_can_be_cancelled(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(500 * MS, 1));
    let worker = kit.worker().registry(begun.limited(&limit)).start().await.unwrap();
    let first = kit.client.enqueue(Call::new("limited", ())).await.unwrap();
    soon(first.wait()).await.unwrap();
    let second = kit.client.enqueue(Call::new("limited", ())).await.unwrap();
    until("it waits", async || worker.stats().queues[0].running == 1).await;
    second.cancel().await.unwrap();
    assert_eq!(soon(second.wait()).await.unwrap().state, State::Cancelled);
    assert_eq!(begun.count(), 1);
    worker.shutdown(LONG).await;
}

async fn what_the_service_asks_for_holds_for_all_kinds_that_share_the_limit(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(MS, 5));
    let mut registry = begun.limited(&limit);
    let refused = |attempt| if attempt == 1 { Err(TaskError::retry_after(10_000 * MS, "429")) } else { Ok(()) };
    begun.register(&mut registry, "refused", &limit, refused);
    let worker = kit.worker().registry(registry).start().await.unwrap();
    let refused = kit.client.enqueue(Call::new("refused", ())).await.unwrap();
    kit.until_state(&refused, State::Retryable).await;
    let begin = begun.times()[0];
    let others = kit.client.enqueue_many(calls(3)).await.unwrap();
    for job in &others {
        assert_eq!(kit.until_state(job, State::Scheduled).await.attempt, 0);
    }
    kit.clock.advance(9_000 * MS);
    kit.pass_until(STEP, "all begun", async || begun.count() == 5).await;
    assert!(begun.times()[1..].iter().all(|time| *time >= begin + 10_000 * MS), "{:?}", begun.times());
    assert_eq!(soon(refused.wait()).await.unwrap().attempt, 2);
    worker.shutdown(LONG).await;
}

async fn what_the_service_asks_for_frees_the_places_of_those_who_wait(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(500 * MS, 1));
    let mut registry = begun.limited(&limit);
    let go = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&go);
    let refused = move |(): ()| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.unwrap().forget();
            Err::<(), _>(TaskError::retry_after(LONG, "429"))
        }
    };
    registry.register("refused", refused).set_options(TaskOptions::new().rate_limit(limit.clone()));
    let worker = kit.worker().registry(registry).start().await.unwrap();
    let refused = kit.client.enqueue(Call::new("refused", ())).await.unwrap();
    kit.until_state(&refused, State::Running).await;
    let waits = kit.client.enqueue(Call::new("limited", ())).await.unwrap();
    kit.until_state(&waits, State::Running).await;
    go.add_permits(1);
    kit.until_state(&refused, State::Retryable).await;
    kit.clock.advance(500 * MS);
    let job = kit.until_state(&waits, State::Scheduled).await;
    assert_eq!((job.attempt, job.errors.len()), (0, 0));
    assert!(job.run_at.since(kit.clock.now()) > LONG - 1000 * MS);
    assert_eq!(worker.stats().queues[0].running, 0);
    worker.shutdown(LONG).await;
}

async fn retries_take_permits_as_well(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(10_000 * MS, 1));
    let mut registry = Registry::new();
    let fails = |attempt| if attempt < 3 { Err(TaskError::retry_after(Duration::ZERO, "again")) } else { Ok(()) };
    begun.register(&mut registry, "fails", &limit, fails);
    let worker = kit.worker().registry(registry).start().await.unwrap();
    let job = kit.client.enqueue(Call::new("fails", ())).await.unwrap();
    let job = kit.pass_until_state(&job, State::Completed).await;
    assert_eq!(job.attempt, 3);
    let times = begun.times();
    assert!(times[1] >= times[0] + limit.per() - 500 * MS && times[2] >= times[0] + 2 * limit.per(), "{times:?}");
    worker.shutdown(LONG).await;
}

async fn limits_that_conflict_are_refused_at_the_start(kit: Kit) {
    let (begun, limit) = (Begun::new(&kit), limit(MS, 5));
    let other = RateLimit::new(limit.name().to_owned(), MS, 6);
    let mut registry = begun.limited(&limit);
    begun.register(&mut registry, "other", &other, |_| ());
    let error = kit.worker().registry(registry).start().await.unwrap_err();
    for part in ["`limited` and `other`", "burst of 5", "burst of 6"] {
        assert!(error.is_configuration() && error.to_string().contains(part), "{error}");
    }
    let worker = kit.worker().registry(begun.limited(&limit)).start().await.unwrap();
    let error = kit.worker().registry(begun.limited(&other)).start().await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("burst of 5"), "{error}");
    worker.shutdown(LONG).await;
}
