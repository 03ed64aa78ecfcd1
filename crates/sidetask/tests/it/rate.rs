use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask::{Backoff, RateLimit, Registry, Retry, Task, TaskError, Tasks, task};
use tokio::time::Instant;

use crate::wait::{Counter, block_on_bare};

const PER: Duration = Duration::from_millis(100);

/// A limit under a name that no other test has.
pub(crate) fn limit(per: Duration, burst: u32) -> RateLimit {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    RateLimit::new(format!("limit {}", COUNT.fetch_add(1, Ordering::Relaxed)), per, burst)
}

/// When attempts began, in milliseconds since this was made.
#[derive(Clone)]
struct Begun(Instant, Arc<Mutex<Vec<u128>>>);

impl Begun {
    fn new() -> Self {
        Self(Instant::now(), Arc::default())
    }

    /// Takes the time, and answers how often that was done.
    fn now(&self) -> usize {
        let mut times = self.1.lock().unwrap();
        times.push(self.0.elapsed().as_millis());
        times.len()
    }

    /// A task that takes the time.
    fn task(&self) -> Task {
        let begun = self.clone();
        Task::new(move || {
            begun.now();
            async {}
        })
    }

    fn times(&self) -> Vec<u128> {
        self.1.lock().unwrap().clone()
    }
}

fn no_wait(attempts: u32) -> Retry {
    Retry::attempts(attempts).backoff(Backoff::fixed(Duration::ZERO))
}

#[tokio::test(start_paused = true)]
async fn a_burst_begins_at_once_and_the_others_one_each_per() {
    let (begun, limit) = (Begun::new(), limit(PER, 3));
    let group: Tasks = (0..6).map(|_| begun.task().limited_by(limit.clone())).collect();
    group.as_group(true).await.unwrap();
    assert_eq!(begun.times(), [0, 0, 0, 100, 200, 300]);

    tokio::time::sleep(10 * PER).await;
    for _ in 0..4 {
        begun.task().limited_by(limit.clone()).await.unwrap();
    }
    assert_eq!(begun.times()[6..], [1300, 1300, 1300, 1400], "a burst comes back after a pause");
}

#[tokio::test(start_paused = true)]
async fn tasks_of_one_name_share_their_limit_and_others_have_their_own() {
    let begun = Begun::new();
    let named = |name: &'static str| begun.task().rate_limit(PER, 1).named(name);
    for name in ["shares a limit", "shares a limit", "has a limit of its own", "shares a limit"] {
        named(name).await.unwrap();
    }
    assert_eq!(begun.times(), [0, 100, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_different_names_can_share_a_limit() {
    let (begun, limit) = (Begun::new(), limit(PER, 1));
    for name in ["one", "two", "three"] {
        begun.task().named(name).limited_by(limit.clone()).await.unwrap();
    }
    begun.task().rate_limit(PER, 1).named(limit.name().to_owned()).await.unwrap();
    assert_eq!(begun.times(), [0, 100, 200, 300]);
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_name_is_limited_by_its_place() {
    let begun = Begun::new();
    for _ in 0..3 {
        begun.task().rate_limit(PER, 1).await.unwrap();
    }
    assert_eq!(begun.times(), [0, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn each_retry_takes_a_permit() {
    let begun = Begun::new();
    let counted = begun.clone();
    let task = Task::new(move || {
        let count = counted.now();
        async move { if count < 4 { Err("not yet") } else { Ok(()) } }
    });
    task.retry(no_wait(5)).limited_by(limit(PER, 2)).await.unwrap();
    assert_eq!(begun.times(), [0, 0, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn what_the_service_asks_for_holds_for_all_who_share_the_limit() {
    let (begun, limit) = (Begun::new(), limit(PER, 1));
    let refused = begun.clone();
    let refused = Task::new(move || {
        let count = refused.now();
        async move { if count == 1 { Err(TaskError::retry_after(10 * PER, "429")) } else { Ok(()) } }
    });
    let mut group = Tasks::group();
    group.add_task(refused.retry(2).limited_by(limit.clone()));
    for _ in 0..3 {
        group.add_task(begun.task().limited_by(limit.clone()));
    }
    group.await.unwrap();
    let times = begun.times();
    assert_eq!(times, [0, 1000, 1100, 1200, 1300]);
    begun.task().await.unwrap();
    assert_eq!(begun.times()[5], 1300, "who does not share it takes no notice");
}

#[tokio::test(start_paused = true)]
async fn a_shorter_wait_does_not_cut_a_longer_one() {
    let (begun, limit) = (Begun::new(), limit(PER, 5));
    for wait in [10 * PER, PER] {
        let error = Task::new(move || async move { Err::<(), _>(TaskError::retry_after(wait, "429")) });
        error.limited_by(limit.clone()).spawn().await.unwrap_err();
        if wait == PER {
            assert_eq!(begun.0.elapsed(), 10 * PER);
        }
    }
    begun.task().limited_by(limit).await.unwrap();
    assert_eq!(begun.times(), [1100]);
}

#[tokio::test(start_paused = true)]
async fn waiting_does_not_count_against_the_timeout() {
    let (begun, limit) = (Begun::new(), limit(PER, 1));
    for _ in 0..3 {
        begun.task().limited_by(limit.clone()).timeout(PER / 2).await.unwrap();
    }
    assert_eq!(begun.times(), [0, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_stops_does_not_wait_for_permits() {
    let (begun, limit) = (Begun::new(), limit(Duration::from_secs(3600), 1));
    let mut group = Tasks::group();
    for _ in 0..3 {
        group.add_task(begun.task().limited_by(limit.clone()));
    }
    group.add_task(Task::new(|| async {
        tokio::time::sleep(PER).await;
        Err::<(), _>("ends it")
    }));
    let error = group.await.unwrap_err();
    assert_eq!((error.failures().len(), begun.times().len()), (1, 1));
    assert_eq!(begun.0.elapsed(), PER);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_takes_no_permit_along() {
    let (begun, limit) = (Begun::new(), limit(PER, 1));
    begun.task().limited_by(limit.clone()).await.unwrap();
    for _ in 0..10 {
        let waits = begun.task().limited_by(limit.clone()).spawn();
        tokio::time::sleep(PER / 20).await;
        waits.abort();
    }
    begun.task().limited_by(limit).await.unwrap();
    assert_eq!(begun.times(), [0, 100]);
}

#[task(rate_limit = RateLimit::new("kind in process", PER, 1), max_attempts = 2)]
async fn limited(#[state] begun: Begun) -> Result<(), TaskError> {
    begun.now();
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_has_the_limit_of_its_kind_unless_its_task_has_one() {
    let begun = Begun::new();
    let registry = || {
        let mut registry = Registry::new();
        registry.add::<limited>();
        registry
    };
    let task = || Task::from(limited::call()).registry(registry()).state(begun.clone());
    task().await.unwrap();
    task().await.unwrap();
    task().limited_by(limit(PER, 1)).await.unwrap();
    assert_eq!(begun.times(), [0, 100, 100]);
}

#[tokio::test]
async fn limits_that_cannot_be_used_are_refused_and_nothing_runs() {
    let ran = Counter::default();
    let known = limit(PER, 3);
    Task::new(|| async {}).limited_by(known.clone()).await.unwrap();
    let conflicting = RateLimit::new(known.name().to_owned(), PER, 4);
    let table = [
        (RateLimit::new("zero per", Duration::ZERO, 1), "more than zero"),
        (RateLimit::new("zero burst", PER, 0), "burst of 0"),
        (RateLimit::new("", PER, 1), "1 to 256 bytes"),
        (conflicting, "one each 100ms with a burst of 3 and as one each 100ms with a burst of 4"),
    ];
    for (limit, expected) in table {
        let counter = ran.clone();
        let error = Task::blocking(move || counter.add()).limited_by(limit).await.unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(expected), "{error}");
    }
    assert_eq!(ran.count(), 0);
}

#[test]
fn without_a_runtime_it_says_that_it_needs_one() {
    let task = Task::new(|| async {}).limited_by(limit(PER, 1)).named("limited");
    let error = block_on_bare(task.into_future()).unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("`limited`"), "{error}");
}
