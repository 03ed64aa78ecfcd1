use std::sync::{Arc, mpsc};
use std::time::Duration;

use sidetask::{BlockingPool, Task, TaskError, Tasks};
use tokio::sync::{Barrier, oneshot};

use crate::wait::{Counter, LONG, OnDrop, block_on_bare, eventually};

/// Ends with an error once the receiver is told.
fn fails_after(told: oneshot::Receiver<()>) -> Task {
    Task::once(async move {
        told.await?;
        Err::<(), _>(TaskError::new("the group ends"))
    })
}

/// Waits for ever, and counts when it is dropped.
fn endless(dropped: &Counter) -> Task {
    let guard = OnDrop(dropped.clone());
    Task::once(async move {
        std::future::pending::<()>().await;
        drop(guard);
    })
}

#[tokio::test]
async fn a_group_of_eight_runs_at_once() {
    // Nobody passes before all eight are there.
    let barrier = Arc::new(Barrier::new(8));
    let tasks: Tasks = (0..8_u32)
        .map(|n| {
            let barrier = Arc::clone(&barrier);
            Task::once(async move {
                barrier.wait().await;
                n * n
            })
        })
        .collect();
    let mut results = tokio::time::timeout(LONG, tasks.as_group(true).into_future()).await.unwrap().unwrap();
    assert_eq!(results.take_all::<u32>(), [0, 1, 4, 9, 16, 25, 36, 49]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_run_in_parallel_on_a_runtime_of_several_threads() {
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let tasks: Tasks = (0..2)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            Task::once(async move {
                // Blocks its thread until the other is there, so that one thread alone would never pass.
                barrier.wait();
            })
        })
        .collect();
    tokio::time::timeout(LONG, tasks.as_group(true).into_future()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_failure_cancels_the_others_at_their_next_await() {
    let dropped = Counter::default();
    let (tell, told) = oneshot::channel();
    let mut within = Tasks::new();
    within.add_task(endless(&dropped));
    let mut group_within = Tasks::group();
    group_within.add_task(endless(&dropped));

    let mut tasks = Tasks::group();
    let done = tasks.add_task(Task::once(async move {
        tell.send(()).unwrap();
        "done".to_owned()
    }));
    tasks.add_task(endless(&dropped));
    tasks.add_task(within);
    tasks.add_task(group_within);
    tasks.add_task(fails_after(told).named("fails"));
    let mut error = tokio::time::timeout(LONG, tasks.into_future()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "1 of 5 tasks failed: `fails`");
    assert_eq!(error.unfinished(), [1, 2, 3]);
    assert_eq!(dropped.count(), 3);
    assert_eq!(error.results().take(done).as_deref(), Some("done"));
}

#[tokio::test]
async fn a_failure_waits_for_threads_and_removes_what_waits_for_one() {
    let pool = BlockingPool::builder().threads(1).build().unwrap();
    let (begun, has_begun) = oneshot::channel();
    let (release, held) = mpsc::channel::<()>();
    let (never, removed) = (Counter::default(), Counter::default());
    let (counter, guard) = (never.clone(), OnDrop(removed.clone()));

    let mut tasks = Tasks::group().pool(pool);
    let runs = tasks.add_task(Task::blocking_once(move || {
        begun.send(()).unwrap();
        held.recv().unwrap();
        "ran to its end".to_owned()
    }));
    tasks.add_task(Task::blocking_once(move || {
        counter.add();
        drop(guard);
    }));
    tasks.add_task(fails_after(has_begun));
    let group = tokio::spawn(tasks.into_future());
    eventually(|| removed.count() == 1).await;
    assert!(!group.is_finished(), "it waits for the thread");

    release.send(()).unwrap();
    let mut error = tokio::time::timeout(LONG, group).await.unwrap().unwrap().unwrap_err();
    assert_eq!((error.failures().len(), error.unfinished()), (1, &[1][..]));
    assert_eq!(error.results().take(runs).as_deref(), Some("ran to its end"));
    assert_eq!(never.count(), 0);
}

#[tokio::test]
async fn errors_of_threads_that_were_waited_for_are_grouped_with_the_first() {
    let (begun, has_begun) = oneshot::channel();
    let (dropped, ran) = (Counter::default(), Counter::default());
    let (guard, counter) = (OnDrop(dropped.clone()), ran.clone());
    let mut begun = Some(begun);

    let mut tasks = Tasks::group();
    let fails = Task::blocking(move || {
        counter.add();
        begun.take().map(|begun| begun.send(()));
        // Until the group ended its async members.
        crate::wait::until("the group ends", || dropped.count() == 1);
        Err::<(), _>(TaskError::new("second"))
    });
    tasks.add_task(fails.retry(5));
    tasks.add_task(Task::once(async move {
        std::future::pending::<()>().await;
        drop(guard);
    }));
    tasks.add_task(fails_after(has_begun));
    let error = tasks.await.unwrap_err();
    assert_eq!(error.failures().iter().map(|failure| failure.index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(ran.count(), 1, "a group that ends tries nothing again");
}

#[tokio::test]
async fn the_limit_of_a_group_is_respected_and_used() {
    const LIMIT: usize = 3;
    let (now, most) = (Arc::new(std::sync::atomic::AtomicUsize::new(0)), Counter::default());
    let barrier = Arc::new(Barrier::new(LIMIT));
    let tasks: Tasks = (0..LIMIT * 4)
        .map(|_| {
            let (now, most, barrier) = (Arc::clone(&now), most.clone(), Arc::clone(&barrier));
            Task::once(async move {
                if now.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 > LIMIT {
                    most.add();
                }
                // Passes only where as many as allowed are there at once.
                barrier.wait().await;
                now.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            })
        })
        .collect();
    let tasks = tasks.as_group(true).concurrency(LIMIT);
    tokio::time::timeout(LONG, tasks.into_future()).await.unwrap().unwrap();
    assert_eq!(most.count(), 0, "more than the limit at once");
}

#[tokio::test]
async fn after_a_failure_what_had_no_room_is_not_begun() {
    let ran = Counter::default();
    let mut tasks = Tasks::group().concurrency(1);
    tasks.add_task(Task::new(|| async { Err::<(), _>(TaskError::new("x")) }));
    let counter = ran.clone();
    tasks.add_task(Task::blocking(move || counter.add()));
    assert_eq!(tasks.await.unwrap_err().unfinished(), [1]);
    assert_eq!(ran.count(), 0);
}

#[tokio::test]
async fn a_limit_of_zero_is_refused() {
    let ran = Counter::default();
    let counter = ran.clone();
    let mut tasks = Tasks::group().concurrency(0);
    tasks.add_task(Task::blocking(move || counter.add()));
    let error = tasks.await.unwrap_err();
    assert!(error.refusal().unwrap().is_configuration());
    assert_eq!((error.unfinished(), ran.count()), (&[0][..], 0));
}

#[test]
fn a_group_outside_of_a_runtime_is_refused() {
    let error = block_on_bare(Tasks::group().into_future()).unwrap_err();
    assert!(error.refusal().unwrap().to_string().contains("tokio runtime"), "{error:?}");
}

#[tokio::test]
async fn a_panic_in_a_group_names_the_task_and_cancels_the_others() {
    let dropped = Counter::default();
    let mut tasks = Tasks::group();
    tasks.add_task(endless(&dropped));
    tasks.add_task(Task::new(|| async { assert!(std::env::args().count() == 0, "boom") }).named("bomb"));
    let error = tokio::time::timeout(LONG, tasks.into_future()).await.unwrap().unwrap_err();
    assert!(error.failures()[0].error.is_panic());
    assert_eq!(error.failures()[0].error.to_string(), "`bomb` panicked: boom");
    assert_eq!((error.unfinished(), dropped.count()), (&[0][..], 1));
}

#[tokio::test]
async fn dropping_the_future_cancels_the_group_and_a_later_run_says_so() {
    let dropped = Counter::default();
    let mut tasks = Tasks::group();
    tasks.add_task(endless(&dropped).named("endless"));
    let waited = tokio::time::timeout(Duration::from_millis(5), tasks.run()).await;
    assert!(waited.is_err());
    eventually(|| dropped.count() == 1).await;

    let error = tasks.run().await.unwrap_err();
    assert!(error.failures()[0].error.is_cancelled());
    assert!(error.failures()[0].error.to_string().contains("`endless`"), "{error:?}");
}

#[tokio::test]
async fn what_a_running_member_adds_runs_beside_it() {
    let mut tasks = Tasks::group();
    let handle = tasks.handle();
    tasks.add_task(Task::once(async move {
        let (tell, told) = oneshot::channel();
        handle.add_task(Task::once(async move { tell.send(7).is_ok() }))?;
        Ok::<u8, TaskError>(told.await?)
    }));
    let mut results = tokio::time::timeout(LONG, tasks.into_future()).await.unwrap().unwrap();
    assert_eq!((results.len(), results.take_at(0)), (2, Some(7_u8)));
}

#[tokio::test]
async fn a_list_in_order_within_a_group_that_ends_begins_nothing_more() {
    let dropped = Counter::default();
    let (begun, has_begun) = oneshot::channel();
    let ran = Counter::default();
    let (guard, counter) = (dropped.clone(), ran.clone());

    let mut within = Tasks::new();
    within.add_task(Task::blocking_once(move || {
        let told = begun.send(());
        crate::wait::until("the group ends", || guard.count() == 1);
        assert_eq!(told, Ok(()));
    }));
    within.add_task(Task::new(move || {
        counter.add();
        async {}
    }));
    let mut tasks = Tasks::group();
    tasks.add_task(within);
    tasks.add_task(endless(&dropped));
    tasks.add_task(fails_after(has_begun));
    let error = tokio::time::timeout(LONG, tasks.into_future()).await.unwrap().unwrap_err();
    assert_eq!((error.unfinished(), ran.count()), (&[0, 1][..], 0));
}
