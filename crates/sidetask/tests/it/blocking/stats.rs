//! What a pool counts.

use std::time::Duration;

use sidetask::BlockingPool;

use super::busy_pool;
use crate::wait::{begin, block_on_bare, until};

#[test]
fn the_limits_are_those_that_were_set() {
    let stats = BlockingPool::builder().threads(3).queue(7).build().unwrap().stats();
    assert_eq!((stats.max_threads, stats.max_queued), (3, 7));
}

#[test]
fn every_end_of_a_function_is_counted_as_what_it_was() {
    let (pool, release, waiter) = busy_pool(2);
    let mut withdrawn = Box::pin(pool.run(|| ()));
    let mut panics = Box::pin(pool.run(|| panic!("no disk")));
    assert!(begin(&mut withdrawn).is_pending() && begin(&mut panics).is_pending());
    block_on_bare(pool.run(|| ())).unwrap_err();
    drop(withdrawn);
    release.send(()).unwrap();
    waiter.join().unwrap();
    block_on_bare(panics).unwrap_err();
    until("the last is counted", || pool.stats().panicked == 1);
    let stats = pool.stats();
    assert_eq!((stats.started, stats.completed), (2, 1));
    assert_eq!((stats.refused, stats.withdrawn, stats.queued), (1, 1, 0));
}

#[test]
fn the_time_waited_and_the_time_run_are_told_apart() {
    const LEAST: Duration = Duration::from_millis(20);
    let (pool, release, waiter) = busy_pool(1);
    let mut waits = Box::pin(pool.run(|| ()));
    assert!(begin(&mut waits).is_pending());
    // Time is what is measured here. It may take longer than this, never less.
    std::thread::sleep(LEAST);
    assert_eq!(pool.stats().ran, Duration::ZERO, "nothing has ended");
    release.send(()).unwrap();
    waiter.join().unwrap();
    block_on_bare(waits).unwrap();
    until("both are counted", || pool.stats().completed == 2);
    let stats = pool.stats();
    assert!(stats.ran >= LEAST && stats.waited >= LEAST, "{stats:?}");
}
