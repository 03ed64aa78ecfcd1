//! Blocking tasks in a runner, which go to their pool without a future around them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use sidetask::{BlockingPool, Runner, Task, TaskError};

use super::recording;
use crate::wait::{LONG, until};

#[tokio::test]
async fn many_at_once_all_run_once_and_at_once() {
    const TASKS: usize = 24;
    let pool = BlockingPool::builder().threads(TASKS).build().unwrap();
    let runner = Runner::builder().pool(pool.clone()).build().unwrap();
    let (barrier, ran) = (Arc::new(Barrier::new(TASKS)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..TASKS {
        let (barrier, ran) = (Arc::clone(&barrier), Arc::clone(&ran));
        let meet = move || {
            barrier.wait();
            ran.fetch_add(1, Ordering::Relaxed);
        };
        runner.spawn(Task::blocking_once(meet)).unwrap();
    }
    assert!(runner.shutdown(LONG).await.is_clean());
    assert_eq!((ran.load(Ordering::Relaxed), pool.stats().started), (TASKS, TASKS as u64));
}

#[tokio::test]
async fn each_goes_to_its_own_pool() {
    let own = BlockingPool::builder().build().unwrap();
    let runner = Runner::builder().pool("lent by a runner").build().unwrap();
    runner.spawn(Task::blocking(|| ()).pool(own.clone())).unwrap();
    runner.spawn(Task::blocking(|| ())).unwrap();
    assert!(runner.shutdown(LONG).await.is_clean());
    assert_eq!((own.stats().started, BlockingPool::named("lent by a runner").stats().started), (1, 1));
}

#[tokio::test]
async fn how_they_fail_is_what_it_would_be_for_one_awaited() {
    let (builder, failures) = recording();
    let runner = builder.build().unwrap();
    type Fails = fn() -> TaskError;
    let failing: [(&str, Fails); 3] = [
        ("a", || TaskError::new("no route")),
        ("b", || TaskError::permanent("no such user")),
        ("c", || TaskError::cancel("not wanted")),
    ];
    let mut awaited = Vec::new();
    for (name, error) in failing {
        let task = || Task::blocking(move || Err::<(), _>(error())).named(name);
        awaited.push((name.to_owned(), None, task().await.unwrap_err().to_string()));
        runner.spawn(task()).unwrap();
    }
    assert!(runner.shutdown(LONG).await.is_clean());
    let mut failures = failures.lock().unwrap().clone();
    failures.sort();
    assert_eq!(failures, awaited);
}

#[tokio::test]
async fn one_that_snoozes_runs_again() {
    let runner = Runner::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let snoozes = move || match counted.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Err(TaskError::snooze(Duration::from_millis(1))),
        _ => Ok(()),
    };
    runner.spawn(Task::blocking(snoozes)).unwrap();
    assert!(runner.shutdown(LONG).await.is_clean());
    assert_eq!((calls.load(Ordering::Relaxed), runner.stats().completed), (3, 1));
}

#[tokio::test]
async fn one_that_retries_runs_again() {
    let (builder, failures) = recording();
    let runner = builder.build().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let fails = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Err::<(), _>(TaskError::retry_after(Duration::ZERO, "busy"))
    };
    runner.spawn(Task::blocking(fails).retry(3)).unwrap();
    assert!(runner.shutdown(LONG).await.is_clean());
    assert_eq!((calls.load(Ordering::Relaxed), failures.lock().unwrap().len()), (3, 1));
}

#[tokio::test]
async fn what_the_pool_has_no_room_for_fails_and_says_so() {
    let (builder, failures) = recording();
    let pool = BlockingPool::builder().threads(1).queue(1).build().unwrap();
    let runner = builder.pool(pool.clone()).build().unwrap();
    let (release, held) = mpsc::channel::<()>();
    runner.spawn(Task::blocking_once(move || held.iter().for_each(drop))).unwrap();
    tokio::task::spawn_blocking(move || until("the first runs", || pool.stats().started == 1)).await.unwrap();
    for _ in 0..3 {
        runner.spawn(Task::blocking(|| ()).named("late")).unwrap();
    }
    while runner.stats().failed < 2 {
        tokio::task::yield_now().await;
    }
    drop(release);
    assert!(runner.shutdown(LONG).await.is_clean());
    let failures = failures.lock().unwrap();
    assert_eq!(failures.len(), 2);
    assert!(failures.iter().all(|(name, _, text)| name == "late" && text.contains("is full")), "{failures:?}");
    assert_eq!((runner.stats().completed, runner.stats().failed), (2, 2));
}

#[tokio::test]
async fn after_the_deadline_what_runs_is_left_and_what_waits_is_not_begun() {
    let (builder, failures) = recording();
    let pool = BlockingPool::builder().threads(1).build().unwrap();
    let runner = builder.pool(pool.clone()).build().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let (ran, ran_at_last) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (first, second) = (Arc::clone(&ran), Arc::clone(&ran_at_last));
    let waits = move || {
        held.iter().for_each(drop);
        first.fetch_add(1, Ordering::Relaxed);
    };
    runner.spawn(Task::blocking_once(waits).named("begun")).unwrap();
    let count = move || {
        second.fetch_add(1, Ordering::Relaxed);
    };
    runner.spawn(Task::blocking_once(count).named("in the pool's queue")).unwrap();
    let started = pool.clone();
    tokio::task::spawn_blocking(move || until("the first runs", || started.stats().started == 1)).await.unwrap();
    let report = runner.shutdown(Duration::ZERO).await;
    let names: Vec<_> = report.unfinished.iter().map(|task| &*task.name).collect();
    assert_eq!(names, ["begun", "in the pool's queue"]);
    drop(release);
    tokio::task::spawn_blocking(move || until("both left the pool", || pool.stats().completed == 2)).await.unwrap();
    assert_eq!((ran.load(Ordering::Relaxed), ran_at_last.load(Ordering::Relaxed)), (1, 0));
    assert!(failures.lock().unwrap().is_empty(), "the report has spoken for them");
}

#[test]
fn functions_run_though_the_runtime_that_they_were_given_on_ends() {
    let runner = Runner::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for _ in 0..3 {
            let ran = Arc::clone(&ran);
            let count = move || {
                ran.fetch_add(1, Ordering::Relaxed);
            };
            runner.spawn(Task::blocking_once(count)).unwrap();
        }
    });
    drop(runtime);
    until("all ran", || ran.load(Ordering::Relaxed) == 3);
    until("all ended", || runner.stats().completed == 3);
}
