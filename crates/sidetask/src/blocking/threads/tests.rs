//! What a pool promises of its functions, whatever its threads do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, mpsc};

use super::*;

/// Far longer than anything here takes, so that a test which hangs fails.
const LONG: Duration = Duration::from_secs(20);

fn limits(threads: usize, queue: usize) -> Limits {
    Limits { threads, queue, keep_alive: LONG, name: String::from("test") }
}

#[track_caller]
fn until(mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < LONG, "not within {LONG:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A function that counts itself.
fn counts(count: &Arc<AtomicUsize>) -> Function {
    let count = Arc::clone(count);
    Box::new(move || {
        count.fetch_add(1, SeqCst);
    })
}

/// A function that waits until the sender is dropped.
fn waits() -> (mpsc::Sender<()>, Function) {
    let (release, held) = mpsc::channel::<()>();
    let wait = move || held.iter().for_each(drop);
    (release, Box::new(wait))
}

/// Pushes one after the other, and says how many there was room for.
fn push_all(threads: &Threads, functions: impl IntoIterator<Item = Function>) -> usize {
    functions.into_iter().filter_map(|f| threads.push(f).ok()).count()
}

#[test]
fn a_full_pool_refuses_and_what_it_took_runs_in_order() {
    let threads = Threads::new(limits(1, 2));
    let (release, wait) = waits();
    threads.push(wait).unwrap();
    until(|| threads.stats().started == 1);
    let (order, ran) = mpsc::channel();
    let function = |n: u32| -> Function {
        let order = order.clone();
        Box::new(move || order.send(n).unwrap())
    };
    assert_eq!((push_all(&threads, (0..5).map(function)), threads.stats().refused), (2, 3));
    drop(release);
    until(|| threads.stats().completed == 3);
    assert_eq!(push_all(&threads, [function(5)]), 1);
    until(|| threads.stats().completed == 4);
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), [0, 1, 5]);
}

#[test]
fn many_are_run_on_as_many_threads_as_there_may_be() {
    const THREADS: usize = 16;
    for _ in 0..20 {
        let threads = Threads::new(limits(THREADS, 100));
        let barrier = Arc::new(Barrier::new(THREADS));
        let meets = || -> Function {
            let barrier = Arc::clone(&barrier);
            Box::new(move || {
                barrier.wait();
            })
        };
        assert_eq!(push_all(&threads, (0..THREADS * 3).map(|_| meets())), THREADS * 3);
        until(|| threads.stats().completed == THREADS as u64 * 3);
        // Now they sleep, and are woken in place of being started.
        until(|| threads.stats().busy == 0);
        assert_eq!(push_all(&threads, (0..THREADS).map(|_| meets())), THREADS);
        until(|| threads.stats().completed == THREADS as u64 * 4);
    }
}

#[test]
fn what_was_taken_is_run_to_its_end_though_the_pool_is_gone() {
    let threads = Threads::new(limits(2, 100));
    let count = Arc::new(AtomicUsize::new(0));
    assert_eq!(push_all(&threads, (0..50).map(|_| counts(&count))), 50);
    drop(threads);
    until(|| count.load(SeqCst) == 50);
}

#[test]
fn a_function_that_no_thread_can_be_had_for_is_refused_and_dropped() {
    let threads = Threads::starting(limits(2, 10), |_, _| Err(io::Error::other("no thread")));
    let count = Arc::new(AtomicUsize::new(0));
    let error = threads.push(counts(&count)).unwrap_err();
    assert!(error.is_pool_full());
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no thread");
    assert_eq!(push_all(&threads, (0..3).map(|_| counts(&count))), 0);
    let stats = threads.stats();
    assert_eq!((stats.threads, stats.queued, stats.refused), (0, 0, 4));
    assert_eq!((Arc::strong_count(&count), count.load(SeqCst)), (1, 0));
}

/// Starts the first thread only.
fn only_one(thread: thread::Builder, shared: Arc<Shared>) -> io::Result<()> {
    if shared.lock().spawned > 1 {
        return Err(io::Error::other("no second thread"));
    }
    thread.spawn(move || shared.work()).map(drop)
}

#[test]
fn what_no_second_thread_can_be_had_for_waits_for_the_first_as_far_as_the_queue_allows() {
    let threads = Threads::starting(limits(4, 2), only_one);
    let (release, wait) = waits();
    threads.push(wait).unwrap();
    until(|| threads.stats().started == 1);
    let count = Arc::new(AtomicUsize::new(0));
    threads.push(counts(&count)).unwrap();
    assert_eq!(push_all(&threads, (0..3).map(|_| counts(&count))), 1);
    assert!(threads.push(counts(&count)).unwrap_err().is_pool_full());
    drop(release);
    until(|| count.load(SeqCst) == 2);
    until(|| threads.stats().busy == 0);
    assert_eq!(threads.stats().threads, 1);
}

#[test]
fn what_came_while_a_thread_was_refused_is_run_by_one_that_fell_asleep_meanwhile() {
    static MAY_FAIL: AtomicBool = AtomicBool::new(false);
    static IS_STARTING: AtomicBool = AtomicBool::new(false);
    let threads = Threads::starting(limits(2, 2), |thread, shared| {
        if shared.lock().spawned == 1 {
            return thread.spawn(move || shared.work()).map(drop);
        }
        IS_STARTING.store(true, SeqCst);
        until(|| MAY_FAIL.load(SeqCst));
        Err(io::Error::other("no second thread"))
    });
    let (release, wait) = waits();
    threads.push(wait).unwrap();
    until(|| threads.stats().started == 1);
    let count = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        let pushes = scope.spawn(|| threads.push(counts(&count)).is_ok());
        until(|| IS_STARTING.load(SeqCst));
        drop(release);
        // The first thread runs it, and sleeps.
        until(|| threads.stats().completed == 2 && threads.0.lock().idle == 1);
        threads.push(counts(&count)).unwrap();
        MAY_FAIL.store(true, SeqCst);
        assert!(pushes.join().unwrap());
    });
    until(|| count.load(SeqCst) == 2);
}

#[test]
fn what_came_while_the_only_thread_was_refused_is_refused_with_it() {
    static MAY_FAIL: AtomicBool = AtomicBool::new(false);
    let threads = Threads::starting(limits(1, 5), |_, _| {
        until(|| MAY_FAIL.load(SeqCst));
        Err(io::Error::other("no thread"))
    });
    let count = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        let pushes = scope.spawn(|| threads.push(counts(&count)).is_err());
        until(|| threads.stats().queued == 1);
        threads.push(counts(&count)).unwrap();
        MAY_FAIL.store(true, SeqCst);
        assert!(pushes.join().unwrap());
    });
    assert_eq!((threads.stats().queued, threads.stats().refused), (0, 2));
    assert_eq!((Arc::strong_count(&count), count.load(SeqCst)), (1, 0));
}

#[test]
fn every_accepted_function_runs_once_on_no_more_threads_than_allowed() {
    const PUSHERS: u64 = 4;
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let most = random.usize(1..6);
        let limits =
            Limits { keep_alive: Duration::from_micros(random.u64(0..300)), ..limits(most, random.usize(0..50)) };
        let threads = Threads::new(limits);
        let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let runs: Vec<_> = (0..PUSHERS * 300).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        let function = |run: &Arc<AtomicUsize>, wait: u64| -> Function {
            let (run, now, peak) = (Arc::clone(run), Arc::clone(&now), Arc::clone(&peak));
            Box::new(move || {
                peak.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                if wait > 0 {
                    thread::sleep(Duration::from_micros(wait));
                }
                run.fetch_add(1, SeqCst);
                now.fetch_sub(1, SeqCst);
            })
        };
        let accepted: u64 = thread::scope(|scope| {
            let pushers = runs.chunks(300).map(|runs| {
                let mut random = random.fork();
                let (threads, function) = (&threads, &function);
                scope.spawn(move || {
                    let mut accepted = 0;
                    let mut runs = runs;
                    while !runs.is_empty() {
                        let (some, rest) = runs.split_at(random.usize(1..=8).min(runs.len()));
                        runs = rest;
                        let batch: Vec<_> = some.iter().map(|run| function(run, random.u64(0..100))).collect();
                        accepted += push_all(threads, batch) as u64;
                        if random.bool() {
                            thread::sleep(Duration::from_micros(random.u64(0..300)));
                        }
                    }
                    accepted
                })
            });
            pushers.collect::<Vec<_>>().into_iter().map(|pusher| pusher.join().unwrap()).sum()
        });
        until(|| threads.stats().completed == accepted);
        let stats = threads.stats();
        assert_eq!((stats.started, stats.queued), (accepted, 0));
        assert_eq!(stats.refused, PUSHERS * 300 - accepted);
        assert_eq!(runs.iter().map(|run| run.load(SeqCst) as u64).sum::<u64>(), accepted);
        assert!(runs.iter().all(|run| run.load(SeqCst) <= 1), "one ran twice");
        assert!(peak.load(SeqCst) <= most, "{} at once on {most} threads", peak.load(SeqCst));
    }
}
