use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use sidetask::{BlockingPool, Error, OnError, Task, TaskError, Tasks, TasksError};

use crate::wait::{Counter, LONG, begin, block_on_bare};

/// A task that counts.
fn counting(counter: &Counter) -> Task {
    let counter = counter.clone();
    Task::new(move || {
        counter.add();
        async {}
    })
}

fn failing() -> Task {
    Task::new(|| async { Err::<(), _>(TaskError::new("out of ink")) })
}

#[tokio::test]
async fn three_tasks_run_in_order() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let push = |n: u32| {
        let order = Arc::clone(&order);
        move || order.lock().unwrap().push(n)
    };
    let mut tasks = Tasks::new();
    let (one, two, three) = (push(1), push(2), push(3));
    // The first takes the longest.
    tasks.add_task(Task::once(async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        one();
    }));
    tasks.add_task(Task::blocking(two));
    tasks.add_task(Task::blocking(three));
    tasks.await.unwrap();
    assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_failing_task_keeps_the_next_from_running() {
    let ran = Counter::default();
    let mut tasks = Tasks::new();
    tasks.add_task(counting(&ran));
    tasks.add_task(failing().named("print"));
    tasks.add_task(counting(&ran));
    let error = tasks.await.unwrap_err();
    assert_eq!(ran.count(), 1);
    assert_eq!(error.to_string(), "1 of 3 tasks failed: `print`");
    assert_eq!((error.failures()[0].index, error.failures()[0].name.as_str()), (1, "print"));
    assert_eq!(error.unfinished(), [2]);
}

#[tokio::test]
async fn going_on_collects_all_errors_and_keeps_the_results() {
    for grouped in [false, true] {
        let mut tasks = Tasks::new().as_group(grouped).on_error(OnError::Continue);
        let one = tasks.add_task(Task::new(|| async { 1 }));
        tasks.add_task(failing().named("a"));
        tasks.add_task(Task::blocking(|| panic_if(true)).named("b"));
        let four = tasks.add_task(Task::blocking(|| 4));
        let mut error = tasks.await.unwrap_err();
        assert_eq!(error.to_string(), "2 of 4 tasks failed: `a`, `b`");
        assert_eq!(error.failures().iter().map(|failure| failure.index).collect::<Vec<_>>(), [1, 2]);
        assert!(error.failures()[0].error.is_failed() && error.failures()[1].error.is_panic());
        assert!(error.failures()[1].error.to_string().contains("`b` panicked"));
        assert_eq!((error.results().take(one), error.results().take(four)), (Some(1), Some(4)));
        assert!(error.unfinished().is_empty());
    }
}

fn panic_if(yes: bool) {
    assert!(!yes, "told to");
}

#[tokio::test]
async fn nothing_runs_until_awaited() {
    let ran = Counter::default();
    for grouped in [false, true] {
        let mut tasks = Tasks::new().as_group(grouped);
        tasks.add_task(counting(&ran));
        let future = tasks.into_future();
        tokio::task::yield_now().await;
        drop(future);
    }
    assert_eq!(ran.count(), 0);
}

#[tokio::test]
async fn running_twice_executes_twice() {
    for grouped in [false, true] {
        let ran = Counter::default();
        let mut tasks = Tasks::new().as_group(grouped);
        tasks.add_task(counting(&ran));
        tasks.add_task(counting(&ran));
        tasks.run().await.unwrap();
        tasks.run().await.unwrap();
        assert_eq!(ran.count(), 4);
        tasks.add_task(counting(&ran));
        tasks.await.unwrap();
        assert_eq!(ran.count(), 7);
    }
}

#[tokio::test]
async fn what_runs_once_is_refused_the_second_time() {
    let mut tasks = Tasks::new().on_error(OnError::Continue);
    tasks.add_task(Task::once(async {}));
    tasks.add_task(Task::blocking_once(|| ()));
    tasks.run().await.unwrap();
    let error = tasks.run().await.unwrap_err();
    assert_eq!(error.failures().len(), 2);
    assert!(error.failures().iter().all(|failure| failure.error.is_configuration()));
}

#[tokio::test]
async fn a_later_run_does_not_take_over_a_blocking_call_of_an_earlier_one() {
    let (begun, has_begun) = mpsc::channel();
    let (release, held) = mpsc::channel();
    let calls = Counter::default();
    let mut tasks = Tasks::from(vec![Task::blocking(move || {
        let call = calls.add();
        begun.send(())?;
        held.recv()?;
        Ok::<_, TaskError>(call)
    })]);
    let mut first = Box::pin(tasks.run());
    assert!(begin(&mut first).is_pending());
    has_begun.recv_timeout(LONG).unwrap();
    drop(first);
    release.send(()).unwrap();
    release.send(()).unwrap();
    assert_eq!(tasks.run().await.unwrap().take_all::<usize>(), [2]);
}

#[tokio::test]
async fn lists_nest() {
    let ran = Counter::default();
    let mut inner = Tasks::group();
    inner.add_task(counting(&ran));
    let two = inner.add_task(Task::new(|| async { 2 }));
    let mut outer = Tasks::new();
    outer.add_task(counting(&ran));
    let nested = outer.add_task(inner);
    outer.add_task(counting(&ran));
    let mut results = outer.await.unwrap();
    assert_eq!(ran.count(), 3);
    assert_eq!(results.take(nested).unwrap().take(two), Some(2));
}

#[tokio::test]
async fn a_failure_within_a_list_within_is_found() {
    let mut inner = Tasks::new().named("inner");
    inner.add_task(failing().named("print"));
    let mut outer = Tasks::new();
    outer.add_task(inner);
    let error = outer.await.unwrap_err();
    assert_eq!(error.to_string(), "1 of 1 tasks failed: `inner`");
    let source = std::error::Error::source(&error.failures()[0].error).unwrap();
    assert_eq!(source.downcast_ref::<TasksError>().unwrap().failures()[0].name, "print");
}

#[tokio::test]
async fn a_list_is_taken() {
    let ran = Counter::default();
    Tasks::from(vec![counting(&ran), counting(&ran)]).await.unwrap();
    let mut tasks: Tasks = (0..3).map(|_| counting(&ran)).collect();
    tasks.extend([counting(&ran)]);
    assert_eq!((tasks.len(), tasks.is_empty()), (4, false));
    tasks.await.unwrap();
    assert_eq!(ran.count(), 6);
}

#[tokio::test]
async fn a_task_adds_to_its_own_list() {
    for grouped in [false, true] {
        let ran = Counter::default();
        let mut tasks = Tasks::new().as_group(grouped);
        let (handle, counter) = (tasks.handle(), ran.clone());
        tasks.add_task(Task::new(move || {
            // What is added adds as well.
            let (again, more) = (handle.clone(), counting(&counter));
            handle.add_task(Task::once(async move { again.add_task(more).map(drop) })).map(drop).unwrap();
            counter.add();
            async {}
        }));
        let results = tasks.run().await.unwrap();
        assert_eq!((ran.count(), results.len()), (2, 3));
    }
}

#[tokio::test]
async fn adding_to_a_list_that_ended_is_an_error() {
    let tasks = Tasks::new();
    let handle = tasks.handle();
    tasks.await.unwrap();
    assert!(handle.add_task(Task::new(|| async {})).unwrap_err().is_closed());
    let tasks = Tasks::new();
    let handle = tasks.handle();
    drop(tasks);
    assert!(handle.add_task(Task::new(|| async {})).unwrap_err().is_closed());
}

#[tokio::test]
async fn results_are_taken_once_by_key_or_place() {
    let mut other = Tasks::new();
    let foreign = other.add_task(Task::new(|| async { 0 }));
    let mut tasks = Tasks::new();
    let number = tasks.add_task(Task::new(|| async { 6 }).named("six"));
    tasks.add_task(Task::new(|| async { "text".to_owned() }));
    assert_eq!((number.index(), foreign.index()), (0, 0));

    let mut results = tasks.await.unwrap();
    assert_eq!((results.name(0).as_deref(), results.name(2)), (Some("six"), None));
    assert_eq!(results.take(foreign), None);
    assert_eq!((results.take(number), results.take(number)), (Some(6), None));
    assert_eq!((results.take_at::<u8>(1), results.take_at::<String>(1).as_deref()), (None, Some("text")));
    assert_eq!(results.take_at::<u8>(9), None);
}

#[test]
fn tasks_in_order_need_no_runtime() {
    let mut tasks = Tasks::new();
    tasks.add_task(Task::new(|| async {}));
    let two = tasks.add_task(Task::blocking(|| 2));
    assert_eq!(block_on_bare(tasks.into_future()).unwrap().take(two), Some(2));
}

#[tokio::test]
async fn a_list_lends_its_pool() {
    let pool = BlockingPool::builder().name("lent").build().unwrap();
    let mut tasks = Tasks::group().pool(pool);
    tasks.add_task(Task::blocking(|| std::thread::current().name().map(str::to_owned)));
    assert_eq!(tasks.await.unwrap().take_all::<Option<String>>(), [Some("lent-1".to_owned())]);
}

#[tokio::test]
async fn an_error_of_tasks_converts_where_one_error_is_wanted() {
    async fn all() -> Result<(), Error> {
        Tasks::from(vec![failing()]).await?;
        Ok(())
    }
    let error = all().await.unwrap_err();
    assert!(error.is_failed());
    assert!(std::error::Error::source(&error).unwrap().is::<TasksError>());
}
