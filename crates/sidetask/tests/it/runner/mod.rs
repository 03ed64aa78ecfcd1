//! Tasks that run by themselves in a runner.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask::{Call, OnError, Prepared, Registry, Runner, RunnerBuilder, Task, Tasks};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use crate::wait::LONG;

mod blocking;
mod hostile;

/// Name, origin and text of each failure.
type Failures = Arc<Mutex<Vec<(String, Option<String>, String)>>>;

fn recording() -> (RunnerBuilder, Failures) {
    let failures = Failures::default();
    let seen = Arc::clone(&failures);
    let builder = Runner::builder().on_error(move |failure| {
        let origin = failure.origin.map(str::to_owned);
        seen.lock().unwrap().push((failure.name.to_owned(), origin, failure.error.to_string()));
    });
    (builder, failures)
}

/// A task that says that it has begun, and ends when it is let go.
fn held(name: &'static str, begun: &mpsc::UnboundedSender<&'static str>, go: &Arc<Semaphore>) -> Task {
    let (begun, go) = (begun.clone(), Arc::clone(go));
    let run = move || {
        let (begun, go) = (begun.clone(), Arc::clone(&go));
        async move {
            begun.send(name).unwrap();
            go.acquire().await.unwrap().forget();
        }
    };
    Task::new(run).named(name)
}

#[tokio::test]
async fn a_shutdown_waits_for_what_runs_and_for_what_is_given_meanwhile() {
    let runner = Runner::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let (within, counts) = (runner.clone(), Arc::clone(&ran));
    let first = async move {
        tokio::task::yield_now().await;
        let counted = Arc::clone(&counts);
        within.spawn(Task::once(async move { counted.fetch_add(1, Ordering::Relaxed) })).unwrap();
        counts.fetch_add(1, Ordering::Relaxed)
    };
    runner.spawn(Task::once(first)).unwrap();
    let report = runner.shutdown(LONG).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.finished, ran.load(Ordering::Relaxed)), (2, 2));
    assert!(runner.spawn(Task::new(|| async {})).unwrap_err().is_closed());
    assert_eq!((runner.stats().completed, runner.stats().dropped), (2, 1));
}

#[tokio::test]
async fn a_shutdown_gives_up_at_its_deadline_and_names_what_did_not_finish() {
    let runner = Runner::builder().concurrency(1).build().unwrap();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    let (alive, mut ends) = mpsc::channel::<()>(1);
    let stuck = async move {
        let _alive = alive;
        std::future::pending::<()>().await;
    };
    runner
        .start(&Handle::current(), Prepared::new(Task::once(stuck).named("stuck")).origin(Some("req-7".into())))
        .unwrap();
    runner.spawn(held("queued", &begun, &go)).unwrap();
    let report = runner.shutdown(Duration::ZERO).await;
    let names: Vec<_> = report.unfinished.iter().map(|task| (&*task.name, task.is_begun)).collect();
    assert_eq!(names, [("stuck", true), ("queued", false)]);
    assert_eq!(report.to_string(), "0 finished, 2 not: `stuck` of req-7, `queued`");
    assert!(!report.is_clean());
    assert_eq!(ends.recv().await, None, "the task was dropped");
    assert!(begins.try_recv().is_err());
}

#[tokio::test]
async fn failures_and_panics_are_told_with_name_and_origin_and_others_go_on() {
    let (builder, failures) = recording();
    let runner = builder.build().unwrap();
    let fails = || async { Err::<(), _>(std::io::Error::other("no route")) };
    runner
        .start(&Handle::current(), Prepared::new(Task::new(fails).named("mail")).origin(Some("req-1".into())))
        .unwrap();
    runner.spawn(Task::new(|| async { [(); 0][std::hint::black_box(0)] }).named("thumbnail")).unwrap();
    runner.spawn(Task::blocking(|| -> () { panic!("bang") }).named("blocking")).unwrap();
    runner.spawn(Task::new(|| async {})).unwrap();
    assert!(runner.shutdown(LONG).await.is_clean());
    let mut failures = failures.lock().unwrap().clone();
    failures.sort();
    let expected = [
        ("blocking", None, "`blocking` panicked: bang"),
        ("mail", Some("req-1"), "`mail` failed"),
        ("thumbnail", None, "`thumbnail` panicked: index out of bounds: the len is 0 but the index is 0"),
    ];
    assert_eq!(failures, expected.map(|(name, origin, text)| (name.into(), origin.map(Into::into), text.into())));
    assert_eq!((runner.stats().completed, runner.stats().failed), (1, 3));
}

#[tokio::test]
async fn a_failure_reads_as_one_line_with_its_causes_and_its_origin() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let runner = Runner::builder().on_error(move |failure| seen.lock().unwrap().push(failure.to_string()));
    let runner = runner.build().unwrap();
    for origin in [None, Some("req-1")] {
        let fails = || async { Err::<(), _>(sidetask::Error::closed("store").because("the disk is gone")) };
        let task = Prepared::new(Task::new(fails).named("mail")).origin(origin.map(Into::into));
        runner.start(&Handle::current(), task).unwrap();
    }
    assert!(runner.shutdown(LONG).await.is_clean());
    let line = format!("`mail` failed: {}: the disk is gone", sidetask::Error::closed("store"));
    assert_eq!(*lines.lock().unwrap(), [line.clone(), format!("{line} (of req-1)")]);
}

#[tokio::test]
async fn of_a_list_each_member_that_failed_is_told() {
    let (builder, failures) = recording();
    let runner = builder.build().unwrap();
    let mut inner = Tasks::new();
    inner.add_task(Task::new(|| async { Err::<(), _>("c") }).named("third"));
    let mut tasks = Tasks::new().on_error(OnError::Continue);
    tasks.add_task(Task::new(|| async { Err::<(), _>("a") }).named("first"));
    tasks.add_task(Task::new(|| async {}).named("second"));
    tasks.add_task(inner.named("list"));
    runner.start(&Handle::current(), Prepared::new(tasks).origin(Some("req-2".into()))).unwrap();
    assert!(runner.shutdown(LONG).await.is_clean());
    let names: Vec<_> =
        failures.lock().unwrap().iter().map(|(name, origin, _)| (name.clone(), origin.clone())).collect();
    assert_eq!(names, ["first", "third"].map(|name| (name.to_owned(), Some("req-2".to_owned()))));
}

#[tokio::test]
async fn a_callback_that_panics_harms_nobody() {
    let runner = Runner::builder().on_error(|_| panic!("in the callback")).concurrency(1).build().unwrap();
    for _ in 0..2 {
        runner.spawn(Task::new(|| async { Err::<(), _>("x") })).unwrap();
    }
    runner.spawn(Task::new(|| async {})).unwrap();
    assert!(runner.shutdown(LONG).await.is_clean());
    assert_eq!((runner.stats().completed, runner.stats().failed), (1, 2));
}

#[tokio::test]
async fn no_more_run_than_the_concurrency_and_the_others_follow_in_order() {
    let runner = Runner::builder().concurrency(2).build().unwrap();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    for name in ["a", "b", "c", "d"] {
        runner.spawn(held(name, &begun, &go)).unwrap();
    }
    assert_eq!((begins.recv().await, begins.recv().await), (Some("a"), Some("b")));
    assert_eq!((runner.stats().running, runner.stats().queued), (2, 2));
    assert!(begins.try_recv().is_err());
    go.add_permits(1);
    assert_eq!(begins.recv().await, Some("c"));
    go.add_permits(3);
    assert_eq!(begins.recv().await, Some("d"));
    assert_eq!(runner.shutdown(LONG).await.unfinished, []);
}

#[tokio::test]
async fn a_full_queue_refuses_and_counts_but_not_what_was_let_in_before() {
    let runner = Runner::builder().concurrency(1).queue(1).build().unwrap();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    runner.spawn(held("running", &begun, &go)).unwrap();
    runner.spawn(held("waiting", &begun, &go)).unwrap();
    assert!(!runner.has_room());
    let refused = runner.spawn(held("refused", &begun, &go)).unwrap_err();
    assert!(refused.is_queue_full());
    assert!(refused.to_string().contains("`refused` was dropped: 1 run and 1 wait"), "{refused}");
    runner.start_over_limit(&Handle::current(), Prepared::new(held("let in", &begun, &go))).unwrap();
    go.add_permits(3);
    assert!(runner.shutdown(LONG).await.is_clean());
    drop(begun);
    for name in ["running", "waiting", "let in"] {
        assert_eq!(begins.recv().await, Some(name));
    }
    assert_eq!((runner.stats().completed, runner.stats().dropped), (3, 1));
}

#[tokio::test]
async fn room_is_waited_for_and_told_to_all_who_wait() {
    let runner = Runner::builder().concurrency(1).queue(0).build().unwrap();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    runner.spawn(held("first", &begun, &go)).unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let runner = runner.clone();
            tokio::spawn(async move { runner.room().await })
        })
        .collect();
    assert_eq!(begins.recv().await, Some("first"));
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    go.add_permits(1);
    for waiting in waiting {
        tokio::time::timeout(LONG, waiting).await.unwrap().unwrap();
    }
}

#[test]
fn a_prepared_task_starts_from_any_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let runner = Runner::new();
    assert!(runner.spawn(Task::new(|| async {})).unwrap_err().is_configuration());
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let task = Task::once(async move { counted.fetch_add(1, Ordering::Relaxed) });
    let (prepared, starter, handle) = (Prepared::new(task), runner.clone(), runtime.handle().clone());
    std::thread::spawn(move || starter.start(&handle, prepared).unwrap()).join().unwrap();
    assert!(runtime.block_on(runner.shutdown(LONG)).is_clean());
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[test]
fn what_a_runtime_that_is_gone_cannot_run_is_told_however_much_waits() {
    let (builder, failures) = recording();
    let runner = builder.concurrency(1).queue(50_000).build().unwrap();
    let gone = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (begun, _begins) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    gone.block_on(async {
        runner.spawn(held("first", &begun, &go)).unwrap();
        for _ in 0..50_000 {
            runner.spawn(Task::new(|| async {})).unwrap();
        }
    });
    drop(gone);
    let failures = failures.lock().unwrap();
    assert_eq!(failures.len(), 50_001);
    assert!(failures.iter().all(|(_, _, text)| text.contains("runtime shuts down")));
    assert_eq!((runner.stats().running, runner.stats().queued), (0, 0));
}

#[tokio::test]
async fn calls_run_with_what_the_runner_lends() {
    let mut registry = Registry::new();
    let (seen, mut sees) = mpsc::unbounded_channel();
    registry.register("greet", move |name: String| {
        seen.send(name).unwrap();
        async {}
    });
    let (builder, failures) = recording();
    let runner = builder.registry(registry).build().unwrap();
    runner.spawn(Call::new("greet", "ada")).unwrap();
    runner.spawn(Call::new("unknown", ())).unwrap();
    assert_eq!(sees.recv().await.as_deref(), Some("ada"));
    assert!(runner.shutdown(LONG).await.is_clean());
    assert!(failures.lock().unwrap()[0].2.contains("no task of kind `unknown`"));
}

#[test]
fn a_concurrency_of_none_is_refused() {
    assert!(Runner::builder().concurrency(0).build().unwrap_err().is_configuration());
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_holds_in_a_runner_too() {
    let runner = Runner::new();
    let (begun, mut begins) = mpsc::unbounded_channel();
    for _ in 0..3 {
        let begun = begun.clone();
        let task = Task::once(async move { begun.send(tokio::time::Instant::now()).unwrap() });
        runner.spawn(task.named("limited in a runner").rate_limit(Duration::from_secs(1), 1)).unwrap();
    }
    let mut next = async || begins.recv().await.unwrap();
    let (first, second, third) = (next().await, next().await, next().await);
    assert_eq!([second - first, third - second].map(|wait| wait.as_secs()), [1, 1]);
    assert!(runner.shutdown(LONG).await.is_clean());
}

#[tokio::test]
async fn tasks_that_were_given_together_are_all_woken() {
    let runner = Runner::new();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    for name in ["a", "b", "c"] {
        runner.spawn(held(name, &begun, &go)).unwrap();
    }
    for _ in 0..3 {
        begins.recv().await.unwrap();
    }
    go.add_permits(3);
    assert_eq!((runner.shutdown(LONG).await.is_clean(), runner.stats().completed), (true, 3));
}

#[tokio::test]
async fn a_value_that_panics_when_dropped_harms_only_its_own_task() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let (builder, failures) = recording();
    let runner = builder.build().unwrap();
    let bomb = Bomb;
    runner.spawn(Task::once(async move { drop(bomb) }).named("while it runs")).unwrap();
    let bomb = Bomb;
    let kept = async move {
        let _bomb = &bomb;
        tokio::task::yield_now().await;
    };
    runner.spawn(Task::once(kept).named("as it ends")).unwrap();
    runner.spawn(Task::new(|| async {})).unwrap();
    assert!(runner.shutdown(LONG).await.is_clean());
    assert_eq!((runner.stats().completed, runner.stats().failed), (1, 2));
    let texts: Vec<_> = failures.lock().unwrap().iter().map(|(name, _, text)| (name.clone(), text.clone())).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts.iter().all(|(_, text)| text.contains("panicked")), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_blocks_its_thread_lets_those_given_after_it_run_beside_it() {
    let runner = Runner::new();
    let (told, tells) = std::sync::mpsc::channel();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let blocks = |how_long: Duration| {
        Task::once(async move {
            std::thread::sleep(how_long);
        })
    };
    // The second blocks until the third has run, which it can only beside it.
    runner.spawn(blocks(Duration::from_millis(5))).unwrap();
    runner.spawn(Task::once(async move { held.recv_timeout(LONG).unwrap() })).unwrap();
    runner.spawn(Task::once(async move { told.send(release.send(()).is_ok()).unwrap() })).unwrap();
    assert!(tokio::task::spawn_blocking(move || tells.recv_timeout(LONG).unwrap()).await.unwrap());
    assert!(runner.shutdown(LONG).await.is_clean());
    assert_eq!(runner.stats().completed, 3);
}
