//! How many threads a pool has, and when.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use sidetask::BlockingPool;

use crate::wait::{Counter, begin, block_on_bare, until};

#[test]
fn never_more_threads_than_allowed_and_all_of_them_used() {
    const THREADS: usize = 4;
    let pool = BlockingPool::builder().threads(THREADS).build().unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // None ends before all were handed over, and none passes before all threads run at once.
    let (gate, barrier) = (Arc::new(Mutex::new(())), Arc::new(Barrier::new(THREADS)));
    let closed = gate.lock().unwrap();
    let mut runs: Vec<_> = (0..THREADS * 10)
        .map(|_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            let (gate, barrier) = (Arc::clone(&gate), Arc::clone(&barrier));
            Box::pin(pool.run(move || {
                drop(gate.lock().unwrap());
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                barrier.wait();
                now.fetch_sub(1, SeqCst);
            }))
        })
        .collect();
    assert!(runs.iter_mut().all(|run| begin(run).is_pending()));
    until("all threads are there", || pool.stats().threads == THREADS);
    drop(closed);
    for run in runs {
        block_on_bare(run).unwrap();
    }
    assert_eq!(most.load(SeqCst), THREADS);
}

#[test]
fn one_thread_serves_calls_one_after_another() {
    let pool = BlockingPool::builder().threads(8).build().unwrap();
    for _ in 0..50 {
        let name = block_on_bare(pool.run(|| std::thread::current().name().map(str::to_owned))).unwrap();
        assert_eq!(name.as_deref(), Some("sidetask-pool-1"));
        until("the thread is idle", || pool.stats().busy == 0);
    }
    assert_eq!(pool.stats().threads, 1);
}

#[test]
fn idle_threads_end() {
    let pool = BlockingPool::builder().keep_alive(Duration::from_millis(5)).build().unwrap();
    block_on_bare(pool.run(|| ())).unwrap();
    until("no thread is left", || pool.stats().threads == 0);
    assert_eq!(block_on_bare(pool.run(|| 5)).unwrap(), 5);
}

#[test]
fn threads_end_with_the_last_clone_of_the_pool() {
    struct Local(mpsc::Sender<()>);
    impl Drop for Local {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    thread_local!(static LOCAL: std::cell::RefCell<Option<Local>> = const { std::cell::RefCell::new(None) });

    let pool = BlockingPool::builder().keep_alive(Duration::MAX).build().unwrap();
    let (ended, has_ended) = mpsc::channel();
    block_on_bare(pool.run(move || LOCAL.with(|local| *local.borrow_mut() = Some(Local(ended))))).unwrap();
    let clone = pool.clone();
    drop(pool);
    assert_eq!(block_on_bare(clone.run(|| 1)).unwrap(), 1);
    drop(clone);
    has_ended.recv_timeout(crate::wait::LONG).unwrap();
}

#[test]
fn a_thousand_calls_that_wait_are_a_hundred_at_once_on_a_hundred_threads() {
    let pool = BlockingPool::builder().threads(100).queue(1000).build().unwrap();
    let (gate, ended) = (Arc::new(Mutex::new(())), Counter::default());
    let closed = gate.lock().unwrap();
    let mut runs: Vec<_> = (0..1000)
        .map(|_| {
            let (gate, ended) = (Arc::clone(&gate), ended.clone());
            Box::pin(pool.run(move || {
                drop(gate.lock().unwrap());
                ended.add();
            }))
        })
        .collect();
    assert!(runs.iter_mut().all(|run| begin(run).is_pending()));
    until("a hundred run at once", || pool.stats().started == 100);
    assert_eq!((pool.stats().threads, pool.stats().queued), (100, 900));
    drop(closed);
    until("all have run", || ended.count() == 1000);
}

#[test]
fn functions_that_wait_for_each_other_all_get_through_on_as_many_threads() {
    const THREADS: usize = 12;
    let pool = BlockingPool::builder().threads(THREADS).build().unwrap();
    let barrier = Arc::new(Barrier::new(THREADS));
    for _ in 0..50 {
        let mut runs: Vec<_> = (0..THREADS)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                Box::pin(pool.run(move || barrier.wait()))
            })
            .collect();
        // The last ones may get through before they are asked.
        runs.retain_mut(|run| match begin(run) {
            Poll::Ready(ended) => {
                ended.unwrap();
                false
            }
            Poll::Pending => true,
        });
        for run in runs {
            block_on_bare(run).unwrap();
        }
    }
}
