use std::error::Error as _;
use std::sync::mpsc;
use std::time::Duration;

use sidetask::{Backoff, BlockingPool, Retry, Task, TaskError};
use tokio::time::Instant;

use crate::wait::{Counter, LONG, OnDrop, begin, block_on_bare, until};

const SECOND: Duration = Duration::from_secs(1);

fn no_wait(attempts: u32) -> Retry {
    Retry::attempts(attempts).backoff(Backoff::fixed(Duration::ZERO))
}

#[tokio::test]
async fn async_code_ran_and_returned() {
    let ran = Counter::default();
    let counter = ran.clone();
    let value = Task::new(move || {
        counter.add();
        async { "done".to_owned() }
    });
    assert_eq!((value.await.unwrap().as_str(), ran.count()), ("done", 1));
}

#[tokio::test]
async fn blocking_code_ran_on_a_thread_of_the_pool() {
    let thread = || std::thread::current().name().map(str::to_owned);
    let pool = BlockingPool::builder().name("mine").build().unwrap();
    assert_eq!(Task::blocking(thread).pool(pool).await.unwrap().as_deref(), Some("mine-1"));
    assert!(Task::blocking(thread).await.unwrap().unwrap().starts_with("sidetask-pool-"));
}

#[tokio::test]
async fn what_runs_once_may_give_away_what_it_captured() {
    let (text, other) = (String::from("a"), String::from("b"));
    assert_eq!(Task::once(async move { text }).await.unwrap(), "a");
    assert_eq!(Task::blocking_once(move || other).await.unwrap(), "b");
}

#[tokio::test]
async fn what_runs_once_cannot_be_retried() {
    for task in [Task::once(async { 1 }).retry(2), Task::blocking_once(|| 1).retry(2)] {
        let error = task.named("single").await.unwrap_err();
        assert!(error.is_configuration());
        assert!(error.to_string().contains("`single`") && error.to_string().contains("Task::new"), "{error}");
    }
    Task::once(async {}).retry(1).await.unwrap();
}

#[tokio::test]
async fn nothing_runs_until_awaited() {
    let ran = Counter::default();
    let (one, two) = (ran.clone(), ran.clone());
    let task = Task::new(move || {
        one.add();
        async {}
    });
    let future = Task::blocking(move || two.add()).into_future();
    tokio::task::yield_now().await;
    drop((task, future));
    assert_eq!(ran.count(), 0);
}

#[test]
fn needs_no_runtime() {
    assert_eq!(block_on_bare(Task::new(|| async { 1 }).into_future()).unwrap(), 1);
    assert_eq!(block_on_bare(Task::blocking(|| 2).retry(no_wait(2)).into_future()).unwrap(), 2);
}

#[test]
fn what_needs_a_timer_says_so_without_a_runtime() {
    let limited = Task::new(|| async {}).timeout(SECOND).named("limited");
    let retried = Task::new(|| async { Err::<(), _>(TaskError::new("x")) }).retry(2).named("retried");
    for task in [limited, retried] {
        let name = task.name();
        let error = block_on_bare(task.into_future()).unwrap_err();
        assert!(error.is_configuration());
        assert!(error.to_string().contains(&name) && error.to_string().contains("tokio"), "{error}");
    }
}

#[tokio::test]
async fn an_error_is_kept_and_can_be_downcast() {
    let error = Task::new(|| async { "x".parse::<u8>() }).named("parse").await.unwrap_err();
    assert!(error.is_failed());
    assert_eq!(error.to_string(), "`parse` failed");
    assert!(error.source().unwrap().is::<std::num::ParseIntError>());
}

#[tokio::test]
async fn an_anyhow_error_and_text_are_errors_too() {
    let error = Task::new(|| async { anyhow::bail!("no answer") as anyhow::Result<()> }).await.unwrap_err();
    assert!(error.is_failed() && error.source().unwrap().to_string() == "no answer", "{error:?}");
    let error = Task::blocking(|| Err::<(), _>("no disk".to_owned())).await.unwrap_err();
    assert!(error.is_failed() && error.source().unwrap().to_string() == "no disk", "{error:?}");
}

#[tokio::test]
async fn a_panic_is_an_error_that_names_the_task() {
    fn fails() -> u8 {
        panic!("no {}", "paper")
    }
    for task in [Task::new(|| async { fails() }), Task::blocking(fails), Task::new(|| async { fails() }).timeout(LONG)]
    {
        let error = task.named("print").await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(error.to_string(), "`print` panicked: no paper");
    }
}

#[tokio::test]
async fn a_task_without_a_name_is_called_by_its_place() {
    let line = line!() + 1;
    let task = Task::new(|| async { Err::<(), _>(TaskError::new("x")) });
    assert!(task.name().contains(&format!("task.rs:{line}:")), "{}", task.name());
    let name = task.name();
    assert!(task.await.unwrap_err().to_string().contains(&name));
}

#[tokio::test]
async fn a_failure_is_retried_until_the_attempts_are_used_up() {
    for needed in 1..=4 {
        let (ran, blocking) = (Counter::default(), Counter::default());
        let (one, two) = (ran.clone(), blocking.clone());
        let outcome =
            move |count: usize| if count < needed { Err("not yet".parse::<u8>().unwrap_err()) } else { Ok(()) };
        let task = Task::new(move || {
            let count = one.add();
            async move { outcome(count) }
        });
        assert_eq!(task.retry(no_wait(3)).await.is_ok(), needed <= 3);
        assert_eq!(Task::blocking(move || outcome(two.add())).retry(no_wait(3)).await.is_ok(), needed <= 3);
        assert_eq!((ran.count(), blocking.count()), (needed.min(3), needed.min(3)));
    }
}

#[tokio::test]
async fn a_panic_is_retried() {
    let ran = Counter::default();
    let task = Task::blocking(move || assert!(ran.add() > 2, "too early"));
    task.retry(no_wait(3)).await.unwrap();
}

#[tokio::test]
async fn no_attempts_are_refused() {
    let error = Task::new(|| async {}).retry(0).await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn waits_are_those_of_the_backoff_and_of_retry_after() {
    let cases: [(fn() -> TaskError, u64); 2] =
        [(|| TaskError::new("x"), 1 + 2), (|| TaskError::retry_after(60 * SECOND, "x"), 60 + 60)];
    for (error, seconds) in cases {
        let backoff = Backoff::function(|attempt| SECOND * attempt);
        let begin = Instant::now();
        let task = Task::new(move || async move { Err::<(), _>(error()) }).retry(Retry::attempts(3).backoff(backoff));
        assert!(task.await.unwrap_err().is_failed());
        assert_eq!(begin.elapsed().as_secs(), seconds);
    }
}

#[tokio::test]
async fn permanent_and_cancel_end_it() {
    let cases: [(fn() -> TaskError, bool); 2] =
        [(|| TaskError::permanent("gone"), false), (|| TaskError::cancel("unwanted"), true)];
    for (error, cancelled) in cases {
        let ran = Counter::default();
        let counter = ran.clone();
        let task = Task::blocking(move || {
            counter.add();
            Err::<(), _>(error())
        });
        let ended = task.retry(no_wait(5)).await.unwrap_err();
        assert_eq!((ended.is_cancelled(), ended.is_failed(), ran.count()), (cancelled, !cancelled, 1));
        assert_eq!(ended.source().unwrap().to_string(), error().to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_snooze_waits_and_uses_no_attempt() {
    let ran = Counter::default();
    let begin = Instant::now();
    let task = Task::new(move || {
        let count = ran.add();
        async move { if count <= 5 { Err(TaskError::snooze(10 * SECOND)) } else { Ok(count) } }
    });
    assert_eq!(task.await.unwrap(), 6);
    assert_eq!(begin.elapsed(), 50 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_each_attempt_of_async_code() {
    let dropped = Counter::default();
    let counter = dropped.clone();
    let begin = Instant::now();
    let task = Task::new(move || {
        let guard = OnDrop(counter.clone());
        async move {
            std::future::pending::<()>().await;
            drop(guard);
        }
    });
    let error = task.named("slow").timeout(3 * SECOND).retry(no_wait(2)).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "`slow` did not end within 3s");
    assert_eq!((begin.elapsed(), dropped.count()), (6 * SECOND, 2));
}

#[tokio::test(start_paused = true)]
async fn a_blocking_call_goes_on_after_its_timeout() {
    let (begun, has_begun) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let ended = Counter::default();
    let counter = ended.clone();
    let task = Task::blocking(move || {
        begun.send(()).unwrap();
        held.recv().unwrap();
        counter.add();
    });
    let mut future = task.timeout(SECOND).into_future();
    assert!(begin(&mut future).is_pending());
    has_begun.recv_timeout(LONG).unwrap();
    assert!(future.await.unwrap_err().is_timeout());
    assert_eq!(ended.count(), 0);
    release.send(()).unwrap();
    until("the call ended", || ended.count() == 1);
}

#[tokio::test]
async fn the_next_attempt_takes_over_a_blocking_call_that_still_runs() {
    let (release, held) = mpsc::channel::<()>();
    let begun = Counter::default();
    let counter = begun.clone();
    let task = Task::blocking(move || {
        counter.add();
        held.recv().unwrap();
        7
    });
    // The call is let go after the first attempt, so that a later one finds it ended.
    let backoff = Backoff::function(move |_| {
        // Only the first is received.
        let _ = release.send(());
        Duration::ZERO
    });
    let task = task.timeout(Duration::from_millis(10)).retry(Retry::attempts(1000).backoff(backoff));
    assert_eq!((task.await.unwrap(), begun.count()), (7, 1));
}

#[tokio::test]
async fn dropping_the_future_cancels_async_code() {
    let dropped = Counter::default();
    let guard = OnDrop(dropped.clone());
    let mut future = Task::once(async move {
        std::future::pending::<()>().await;
        drop(guard);
    })
    .into_future();
    assert!(tokio::time::timeout(Duration::ZERO, &mut future).await.is_err());
    assert_eq!(dropped.count(), 0);
    drop(future);
    assert_eq!(dropped.count(), 1);
}

#[tokio::test]
async fn a_full_pool_is_an_error_and_can_be_retried() {
    let pool = BlockingPool::builder().threads(1).queue(0).build().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let busy = Task::blocking_once(move || held.recv().unwrap_or(())).pool(pool.clone()).spawn();
    tokio::task::yield_now().await;
    assert_eq!(pool.stats().threads, 1);
    assert!(Task::blocking(|| ()).pool(pool.clone()).await.unwrap_err().is_pool_full());

    let freed = pool.clone();
    let backoff = Backoff::function(move |_| {
        release.send(()).unwrap();
        until("the thread is free", || freed.stats().busy == 0);
        Duration::ZERO
    });
    Task::blocking(|| ()).pool(pool).retry(Retry::attempts(2).backoff(backoff)).await.unwrap();
    busy.await.unwrap();
}
