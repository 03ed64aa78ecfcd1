//! What harms a runner from outside: subscribers that panic, shutdowns that race.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use sidetask::{Runner, Task, TaskError};
use tokio::time::Instant;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata};

use crate::wait::LONG;

/// Panics where it hears of the first span or event that this is true for, and hears nothing else.
#[derive(Clone)]
struct Panics(Arc<Mutex<Option<Where>>>);

type Where = fn(&Metadata<'_>) -> bool;

impl Panics {
    fn once(at: Where) -> Self {
        Self(Arc::new(Mutex::new(Some(at))))
    }

    fn look(&self, metadata: &Metadata<'_>) {
        let mut at = self.0.lock().unwrap();
        if at.is_some_and(|at| at(metadata)) {
            *at = None;
            drop(at);
            panic!("the subscriber is broken");
        }
    }

    fn has_panicked(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }
}

impl tracing::Subscriber for Panics {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.look(span.metadata());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.look(event.metadata());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_subscriber_that_panics_where_a_task_begins_costs_that_task_alone() {
    let runner = Runner::builder().concurrency(2).build().unwrap();
    let broken = Panics::once(|metadata| metadata.is_span() && metadata.name() == "task");
    let _subscriber = tracing::subscriber::set_default(broken.clone());
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let counted = Arc::clone(&ran);
        runner.spawn(Task::once(async move { counted.fetch_add(1, Ordering::Relaxed) })).unwrap();
    }
    assert!(broken.has_panicked());
    let report = tokio::time::timeout(LONG, runner.shutdown(LONG)).await.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((ran.load(Ordering::Relaxed), runner.stats().completed, runner.stats().failed), (2, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_panics_where_a_failure_is_told_holds_nobody_up() {
    let runner = Runner::builder().concurrency(1).queue(0).build().unwrap();
    let broken = Panics::once(|metadata| metadata.is_event() && *metadata.level() == tracing::Level::ERROR);
    let _subscriber = tracing::subscriber::set_default(broken.clone());
    runner.spawn(Task::once(async { Err::<(), _>(TaskError::new("no")) })).unwrap();
    let (began, mut room) = (Instant::now(), Box::pin(runner.room()));
    assert!(room.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let (drained, room) = tokio::join!(runner.shutdown(LONG), tokio::time::timeout(LONG, room));
    assert!(broken.has_panicked());
    assert!(drained.is_clean() && room.is_ok());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn of_two_shutdowns_the_later_ends_with_the_earlier() {
    let runner = Runner::new();
    runner.spawn(Task::once(std::future::pending::<()>()).named("stuck")).unwrap();
    let began = Instant::now();
    let (early, late) = tokio::join!(runner.shutdown(Duration::from_secs(1)), runner.shutdown(LONG));
    assert_eq!((early.unfinished.len(), late.unfinished.len()), (1, 0));
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
}

#[test]
fn a_task_can_be_started_where_a_thread_ends() {
    struct AtTheEnd(Option<Box<dyn FnOnce()>>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }
    thread_local!(static KEPT: std::cell::RefCell<AtTheEnd> = const { std::cell::RefCell::new(AtTheEnd(None)) });

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let (runner, handle) = (Runner::new(), runtime.handle().clone());
    let starter = runner.clone();
    let thread = std::thread::spawn(move || {
        let at_the_end = {
            let (starter, handle) = (starter.clone(), handle.clone());
            move || starter.start(&handle, sidetask::Prepared::new(Task::new(|| async {}))).unwrap()
        };
        KEPT.with_borrow_mut(|kept| kept.0 = Some(Box::new(at_the_end)));
        // What the runner keeps for the thread is made after that, and so dropped before.
        starter.start(&handle, sidetask::Prepared::new(Task::new(|| async {}))).unwrap();
    });
    thread.join().unwrap();
    assert!(runtime.block_on(runner.shutdown(LONG)).is_clean());
    assert_eq!(runner.stats().completed, 2);
}
