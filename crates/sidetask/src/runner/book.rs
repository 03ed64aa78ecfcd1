//! Which tasks run and which wait.

use std::collections::VecDeque;

use slab::Slab;
use tokio::sync::oneshot;

use super::RunnerStats;
use crate::task::label::Label;

/// Tasks that run, and tasks of type `W` that wait. Whoever removes a running task from here speaks for it: its own end,
/// or the shutdown.
pub(super) struct Book<W> {
    concurrency: usize,
    queue: usize,
    running: Slab<Entry>,
    waiting: VecDeque<W>,
    /// How many tasks have begun.
    begun: u64,
    completed: u64,
    failed: u64,
    dropped: u64,
    is_closed: bool,
    /// Whether somebody waits for the end of all.
    is_awaited: bool,
}

/// A task that runs.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) label: Label,
    pub(super) origin: Option<String>,
    /// Where it has had to wait. Dropped, it tells the task to stop.
    _stop: Option<oneshot::Sender<()>>,
    number: u64,
}

/// Names a running task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    at: usize,
    number: u64,
}

/// What becomes of a new task.
#[derive(Debug)]
pub(super) enum Entered<W> {
    Begins(W, Key),
    Waits,
    IsRefused(W),
    IsTooLate(W),
}

/// What a task that ended leaves.
#[derive(Debug)]
pub(super) struct Left<W> {
    /// Itself; `None` where the shutdown has spoken for it.
    pub(super) entry: Option<Entry>,
    /// The next, which begins.
    pub(super) next: Option<(W, Key)>,
    /// Somebody waits for the end of all, and this is it.
    pub(super) is_last: bool,
}

impl<W: Described> Book<W> {
    pub(super) fn new(concurrency: usize, queue: usize) -> Self {
        Self {
            concurrency,
            queue,
            running: Slab::new(),
            waiting: VecDeque::new(),
            begun: 0,
            completed: 0,
            failed: 0,
            dropped: 0,
            is_closed: false,
            is_awaited: false,
        }
    }

    /// Takes in a task. One that finds the queue full is refused, unless it `must_fit`.
    pub(super) fn enter<T: Described>(&mut self, task: T, must_fit: bool, wait: impl FnOnce(T) -> W) -> Entered<T> {
        if self.is_closed {
            self.dropped += 1;
            Entered::IsTooLate(task)
        } else if self.running.len() < self.concurrency {
            let key = self.begin(&task);
            Entered::Begins(task, key)
        } else if must_fit || self.waiting.len() < self.queue {
            self.waiting.push_back(wait(task));
            Entered::Waits
        } else {
            self.dropped += 1;
            Entered::IsRefused(task)
        }
    }

    fn begin(&mut self, task: &impl Described) -> Key {
        let (label, origin) = task.describe();
        let number = self.begun;
        self.begun += 1;
        Key { at: self.running.insert(Entry { label, origin, _stop: None, number }), number }
    }

    /// What ends when a running task is to stop, or was to already.
    pub(super) fn stop(&mut self, key: Key) -> oneshot::Receiver<()> {
        let (sender, stop) = oneshot::channel();
        if let Some(entry) = self.running.get_mut(key.at).filter(|entry| entry.number == key.number) {
            entry._stop = Some(sender);
        }
        stop
    }

    /// Removes a task that ended. The next takes its place.
    pub(super) fn end(&mut self, key: Key, is_failure: bool) -> Left<W> {
        let is_here = self.running.get(key.at).is_some_and(|entry| entry.number == key.number);
        if !is_here {
            return Left { entry: None, next: None, is_last: false };
        }
        let entry = self.running.remove(key.at);
        *(if is_failure { &mut self.failed } else { &mut self.completed }) += 1;
        let next = self.waiting.pop_front().map(|task| {
            let key = self.begin(&task);
            (task, key)
        });
        Left { entry: Some(entry), next, is_last: self.is_awaited && self.is_quiet() }
    }

    /// Takes away all tasks; none can be entered from now on.
    pub(super) fn close(&mut self) -> (Vec<Entry>, VecDeque<W>) {
        self.is_closed = true;
        let running: Vec<Entry> = self.running.drain().collect();
        let waiting = std::mem::take(&mut self.waiting);
        self.dropped += (running.len() + waiting.len()) as u64;
        (running, waiting)
    }

    pub(super) fn load(&self) -> usize {
        self.running.len() + self.waiting.len()
    }

    fn is_quiet(&self) -> bool {
        self.load() == 0
    }

    /// Whether nothing runs or waits. Where something does, the end of all is told from now on.
    pub(super) fn await_quiet(&mut self) -> bool {
        self.is_awaited |= !self.is_quiet();
        self.is_quiet()
    }

    pub(super) fn stats(&self) -> RunnerStats {
        let Self { completed, failed, dropped, .. } = *self;
        RunnerStats { running: self.running.len(), queued: self.waiting.len(), completed, failed, dropped }
    }
}

/// What is kept of a task while it runs.
pub(super) trait Described {
    fn describe(&self) -> (Label, Option<String>);
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    impl Described for u32 {
        fn describe(&self) -> (Label, Option<String>) {
            (Label::at(Location::caller()), Some(self.to_string()))
        }
    }

    fn enter(book: &mut Book<u32>, task: u32, must_fit: bool) -> Entered<u32> {
        book.enter(task, must_fit, |task| task)
    }

    fn begins(entered: Entered<u32>) -> Key {
        match entered {
            Entered::Begins(_, key) => key,
            other => panic!("it does not begin: {other:?}"),
        }
    }

    #[test]
    fn tasks_begin_in_their_order_and_no_more_than_the_concurrency() {
        let mut book = Book::new(1, 1);
        let first = begins(enter(&mut book, 1, false));
        assert!(matches!(enter(&mut book, 2, false), Entered::Waits));
        assert_eq!(book.load(), 2);
        assert!(matches!(enter(&mut book, 3, false), Entered::IsRefused(3)));
        assert!(matches!(enter(&mut book, 4, true), Entered::Waits));
        let left = book.end(first, false);
        assert_eq!(left.entry.unwrap().origin.as_deref(), Some("1"));
        let (task, second) = left.next.unwrap();
        assert_eq!((task, left.is_last), (2, false));
        assert_eq!(book.end(second, true).next.unwrap().0, 4);
        let stats = book.stats();
        assert_eq!((stats.running, stats.queued, stats.completed, stats.failed, stats.dropped), (1, 0, 1, 1, 1));
    }

    #[test]
    fn the_end_of_a_task_that_was_given_up_counts_no_more() {
        let mut book = Book::new(2, 0);
        let key = begins(enter(&mut book, 1, false));
        assert_eq!(book.close().0.len(), 1);
        assert!(book.end(key, false).entry.is_none());
        assert!(matches!(enter(&mut book, 2, true), Entered::IsTooLate(2)));
        assert_eq!((book.stats().completed, book.stats().dropped), (0, 2));
    }

    #[test]
    fn the_end_of_all_is_told_once_somebody_waits_for_it() {
        let mut book = Book::new(2, 0);
        let first = begins(enter(&mut book, 1, false));
        assert!(!book.end(first, false).is_last, "nobody waits for it");
        assert!(book.await_quiet());
        let (first, second) = (begins(enter(&mut book, 1, false)), begins(enter(&mut book, 2, false)));
        assert!(!book.await_quiet());
        assert!(!book.end(second, false).is_last, "one runs still");
        assert!(book.end(first, true).is_last);
    }

    #[test]
    fn what_a_shutdown_gave_up_is_told_to_stop_now_or_when_it_asks() {
        let mut book = Book::new(2, 0);
        let (first, second) = (begins(enter(&mut book, 1, false)), begins(enter(&mut book, 2, false)));
        let mut told = book.stop(first);
        let (running, _) = book.close();
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
        drop(running);
        assert_eq!(told.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(book.stop(second).try_recv(), Err(TryRecvError::Closed));
    }

    #[test]
    fn a_place_used_again_is_not_the_earlier_tasks() {
        let mut book = Book::new(1, 0);
        let first = begins(enter(&mut book, 1, false));
        assert!(book.end(first, false).entry.is_some());
        let _second = begins(enter(&mut book, 2, false));
        assert!(book.end(first, false).entry.is_none(), "it ended before");
        assert_eq!(book.stats().running, 1);
    }
}
