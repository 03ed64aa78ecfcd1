//! The blocking pool: running functions on it.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use sidetask::BlockingPool;

use crate::wait::{begin, block_on, block_on_bare, until};

mod bridge;
mod named;
mod stats;
mod threads;

/// A pool of one thread that is busy until the sender is used or dropped.
fn busy_pool(queue: usize) -> (BlockingPool, mpsc::Sender<()>, std::thread::JoinHandle<()>) {
    let pool = BlockingPool::builder().threads(1).queue(queue).build().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let run = pool.run(move || held.recv().unwrap_or(()));
    let waiter = std::thread::spawn(move || block_on_bare(run).unwrap());
    until("the thread is busy", || (pool.stats().busy, pool.stats().queued) == (1, 0));
    (pool, release, waiter)
}

#[test]
fn runs_without_any_runtime_and_returns_the_value() {
    let pool = BlockingPool::builder().build().unwrap();
    let name = block_on_bare(pool.run(|| std::thread::current().name().map(str::to_owned))).unwrap();
    assert_eq!(name.as_deref(), Some("sidetask-pool-1"));
}

#[test]
fn runs_on_a_current_thread_runtime() {
    assert_eq!(block_on(BlockingPool::shared().run(|| 6 * 7)).unwrap(), 42);
}

#[test]
fn nothing_runs_before_it_is_polled() {
    let pool = BlockingPool::builder().build().unwrap();
    let run = pool.run(|| ());
    assert_eq!((pool.stats().threads, pool.stats().queued), (0, 0));
    block_on_bare(run).unwrap();
}

#[test]
fn every_fault_of_the_settings_is_named() {
    let error = BlockingPool::builder().threads(0).name("a\0b").build().unwrap_err();
    assert!(error.is_configuration());
    assert!(error.to_string().contains("0 threads") && error.to_string().contains("zero byte"), "{error}");
}

#[test]
fn a_full_queue_is_an_error_at_once() {
    let (pool, release, waiter) = busy_pool(1);
    let mut waits = Box::pin(pool.run(|| 1));
    assert!(begin(&mut waits).is_pending());
    let error = block_on_bare(pool.run(|| 2)).unwrap_err();
    assert!(error.is_pool_full());
    assert!(error.to_string().contains("`sidetask-pool` is full: 1 threads are busy and 1 functions wait"), "{error}");
    release.send(()).unwrap();
    assert_eq!(block_on_bare(waits).unwrap(), 1);
    waiter.join().unwrap();
}

#[test]
fn a_queue_of_none_takes_what_a_free_thread_can_run() {
    let (pool, release, waiter) = busy_pool(0);
    assert!(block_on_bare(pool.run(|| ())).unwrap_err().is_pool_full());
    release.send(()).unwrap();
    waiter.join().unwrap();
    until("the thread is idle", || pool.stats().busy == 0);
    assert_eq!(block_on_bare(pool.run(|| 3)).unwrap(), 3);
}

#[test]
fn a_panic_is_an_error_and_the_thread_goes_on() {
    let pool = BlockingPool::builder().threads(1).build().unwrap();
    let error = block_on_bare(pool.run(|| panic!("no disk {}", 7))).unwrap_err();
    assert!(error.is_panic());
    assert!(error.to_string().contains("panicked: no disk 7"), "{error}");
    assert_eq!(block_on_bare(pool.run(|| std::thread::current().name().map(str::to_owned))).unwrap().as_deref(), {
        Some("sidetask-pool-1")
    });
}

#[test]
fn dropping_the_future_removes_a_function_that_has_not_begun() {
    let (pool, release, waiter) = busy_pool(3);
    let ran = Arc::new(AtomicUsize::new(0));
    let mut runs: Vec<_> = (0..3)
        .map(|at| {
            let ran = Arc::clone(&ran);
            Box::pin(pool.run(move || ran.fetch_add(10_usize.pow(at), SeqCst)))
        })
        .collect();
    assert!(runs.iter_mut().all(|run| begin(run).is_pending()));
    drop(runs.remove(1));
    assert_eq!(pool.stats().queued, 2);
    release.send(()).unwrap();
    for run in runs {
        block_on_bare(run).unwrap();
    }
    waiter.join().unwrap();
    assert_eq!(ran.load(SeqCst), 101);
}

#[test]
fn dropping_the_future_of_a_running_function_drops_its_result() {
    let pool = BlockingPool::builder().threads(1).build().unwrap();
    let (begun, has_begun) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let result = Arc::new(());
    let kept = Arc::clone(&result);
    let mut run = Box::pin(pool.run(move || {
        begun.send(()).unwrap();
        held.recv().unwrap();
        kept
    }));
    assert!(begin(&mut run).is_pending());
    has_begun.recv().unwrap();
    drop(run);
    assert_eq!(Arc::strong_count(&result), 2);
    release.send(()).unwrap();
    until("the result is dropped", || Arc::strong_count(&result) == 1);
}
