//! Awaiting a function that blocks.

use std::sync::mpsc;
use std::time::Duration;

use sidetask::{BlockingPool, blocking, blocking_with_token};

use super::busy_pool;
use crate::wait::{Counter, LONG, begin, block_on, block_on_bare, until};

fn join(greeting: &str, names: &[String], mark: Option<char>) -> String {
    format!("{greeting} {}{}", names.join(" and "), mark.unwrap_or('.'))
}

#[test]
fn the_value_comes_back_with_no_runtime_and_on_one_of_one_thread() {
    let names = vec![String::from("Ada"), String::from("Grace")];
    let copy = names.clone();
    assert_eq!(block_on_bare(blocking(move || join("Hello", &copy, None))).unwrap(), "Hello Ada and Grace.");
    assert_eq!(block_on(blocking(move || join("Hello", &names, Some('!')))).unwrap(), "Hello Ada and Grace!");
}

#[test]
fn the_closure_fills_in_arguments_by_position_by_name_and_by_default() {
    struct Query<'a> {
        name: &'a str,
        limit: u32,
        page: u32,
    }
    impl Default for Query<'_> {
        fn default() -> Self {
            Self { name: "anybody", limit: 100, page: 1 }
        }
    }
    fn search(region: &str, query: &Query<'_>) -> String {
        format!("{region}: {}, {} on page {}", query.name, query.limit, query.page)
    }
    let (region, name) = (String::from("eu"), String::from("Ada"));
    let found = blocking(move || search(&region, &Query { limit: 5, name: &name, ..Query::default() }));
    assert_eq!(block_on_bare(found).unwrap(), "eu: Ada, 5 on page 1");
}

#[test]
fn the_functions_own_error_comes_back_as_it_is() {
    let read = blocking(|| std::fs::read("no/such/file"));
    assert_eq!(block_on_bare(read).unwrap().unwrap_err().kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn it_runs_on_the_pool_that_it_is_given_or_on_the_shared_one() {
    let thread_name = || std::thread::current().name().map(str::to_owned);
    let pool = BlockingPool::builder().name("own").build().unwrap();
    assert_eq!(block_on_bare(blocking(thread_name).pool(pool)).unwrap().as_deref(), Some("own-1"));
    assert_eq!(block_on_bare(blocking(thread_name).pool("by name")).unwrap().as_deref(), Some("by name-1"));
    let shared = block_on_bare(blocking(thread_name)).unwrap().unwrap();
    assert!(shared.starts_with("sidetask-pool-"), "{shared}");
}

#[test]
fn a_panic_is_an_error_with_the_name_or_the_place() {
    let error = block_on_bare(blocking(|| -> u8 { panic!("no line") }).named("ask the CRM")).unwrap_err();
    assert!(error.is_panic());
    assert_eq!(error.to_string(), "`ask the CRM` panicked: no line");
    let line = line!() + 1;
    let error = block_on_bare(blocking(|| -> u8 { panic!("no line") })).unwrap_err();
    assert!(error.to_string().contains(&format!("bridge.rs:{line}:")), "{error}");
}

#[test]
fn a_full_pool_is_an_error_at_once() {
    let (pool, release, waiter) = busy_pool(0);
    assert!(block_on_bare(blocking(|| ()).pool(pool)).unwrap_err().is_pool_full());
    drop(release);
    waiter.join().unwrap();
}

#[test]
fn nothing_runs_before_it_is_awaited() {
    let pool = BlockingPool::builder().build().unwrap();
    let waits = blocking(|| ()).pool(pool.clone()).into_future();
    assert_eq!((pool.stats().threads, pool.stats().queued), (0, 0));
    drop(waits);
}

#[test]
fn dropped_before_it_began_it_never_runs() {
    let (pool, release, waiter) = busy_pool(2);
    let (ran, after) = (Counter::default(), Counter::default());
    let counts = |count: &Counter| {
        let count = count.clone();
        blocking(move || count.add()).pool(pool.clone()).into_future()
    };
    let (mut dropped, mut kept) = (counts(&ran), counts(&after));
    assert!(begin(&mut dropped).is_pending() && begin(&mut kept).is_pending());
    drop(dropped);
    assert_eq!(pool.stats().withdrawn, 1);
    drop(release);
    block_on_bare(kept).unwrap();
    waiter.join().unwrap();
    assert_eq!((ran.count(), after.count()), (0, 1));
}

#[test]
fn dropped_while_it_runs_it_is_told_and_runs_on_to_its_end() {
    let (begun, has_begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let mut waits = blocking_with_token(move |cancel| {
        begun.send(cancel.clone()).unwrap();
        while !cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        end.send("told").unwrap();
    })
    .into_future();
    assert!(begin(&mut waits).is_pending());
    let cancel = has_begun.recv_timeout(LONG).unwrap();
    assert!(!cancel.is_cancelled());
    drop(waits);
    assert_eq!(ended.recv_timeout(LONG).unwrap(), "told");
}

#[test]
fn the_token_of_a_function_that_was_waited_for_is_not_cancelled() {
    assert!(!block_on_bare(blocking_with_token(|cancel| cancel)).unwrap().is_cancelled());
}

#[test]
fn a_runtime_ends_while_a_function_runs() {
    let (release, held) = mpsc::channel::<()>();
    let pool = BlockingPool::builder().build().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.spawn(blocking(move || held.recv()).pool(pool.clone()).into_future());
    until("it runs", || pool.stats().started == 1);
    drop(runtime);
    assert_eq!(pool.stats().completed, 0, "it runs on");
    drop(release);
    until("it has ended", || pool.stats().completed == 1);
}
