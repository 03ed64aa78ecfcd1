//! Which tasks run and which wait.

use std::collections::VecDeque;

use slab::Slab;
use tokio::task::AbortHandle;

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
}

/// A task that runs.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) label: Label,
    pub(super) origin: Option<String>,
    pub(super) abort: Option<AbortHandle>,
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
    pub(super) is_quiet: bool,
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
        }
    }

    /// Takes in a task. One that finds the queue full is refused, unless it `must_fit`.
    pub(super) fn enter(&mut self, task: W, must_fit: bool) -> Entered<W> {
        if self.is_closed {
            self.dropped += 1;
            Entered::IsTooLate(task)
        } else if self.running.len() < self.concurrency {
            let key = self.begin(&task);
            Entered::Begins(task, key)
        } else if must_fit || self.waiting.len() < self.queue {
            self.waiting.push_back(task);
            Entered::Waits
        } else {
            self.dropped += 1;
            Entered::IsRefused(task)
        }
    }

    fn begin(&mut self, task: &W) -> Key {
        let (label, origin) = task.describe();
        let number = self.begun;
        self.begun += 1;
        Key { at: self.running.insert(Entry { label, origin, abort: None, number }), number }
    }

    /// Takes note of how to abort a task, if it runs still.
    pub(super) fn set_abort(&mut self, key: Key, abort: AbortHandle) {
        match self.running.get_mut(key.at) {
            Some(entry) if entry.number == key.number => entry.abort = Some(abort),
            // It has ended, or a shutdown has given it up and could not abort it yet.
            _ if self.is_closed => abort.abort(),
            _ => {}
        }
    }

    /// Removes a task that ended. The next takes its place.
    pub(super) fn end(&mut self, key: Key, is_failure: bool) -> Left<W> {
        let is_here = self.running.get(key.at).is_some_and(|entry| entry.number == key.number);
        if !is_here {
            return Left { entry: None, next: None, is_quiet: self.is_quiet() };
        }
        let entry = self.running.remove(key.at);
        *(if is_failure { &mut self.failed } else { &mut self.completed }) += 1;
        let next = self.waiting.pop_front().map(|task| {
            let key = self.begin(&task);
            (task, key)
        });
        Left { entry: Some(entry), next, is_quiet: self.is_quiet() }
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

    pub(super) fn is_quiet(&self) -> bool {
        self.load() == 0
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

    use super::*;

    impl Described for u32 {
        fn describe(&self) -> (Label, Option<String>) {
            (Label::at(Location::caller()), Some(self.to_string()))
        }
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
        let first = begins(book.enter(1, false));
        assert!(matches!(book.enter(2, false), Entered::Waits));
        assert_eq!(book.load(), 2);
        assert!(matches!(book.enter(3, false), Entered::IsRefused(3)));
        assert!(matches!(book.enter(4, true), Entered::Waits));
        let left = book.end(first, false);
        assert_eq!(left.entry.unwrap().origin.as_deref(), Some("1"));
        let (task, second) = left.next.unwrap();
        assert_eq!((task, left.is_quiet), (2, false));
        assert_eq!(book.end(second, true).next.unwrap().0, 4);
        let stats = book.stats();
        assert_eq!((stats.running, stats.queued, stats.completed, stats.failed, stats.dropped), (1, 0, 1, 1, 1));
    }

    #[test]
    fn the_end_of_a_task_that_was_given_up_counts_no_more() {
        let mut book = Book::new(2, 0);
        let key = begins(book.enter(1, false));
        assert_eq!(book.close().0.len(), 1);
        assert!(book.end(key, false).entry.is_none());
        assert!(matches!(book.enter(2, true), Entered::IsTooLate(2)));
        assert_eq!((book.stats().completed, book.stats().dropped), (0, 2));
    }

    #[test]
    fn a_place_used_again_is_not_the_earlier_tasks() {
        let mut book = Book::new(1, 0);
        let first = begins(book.enter(1, false));
        assert!(book.end(first, false).entry.is_some());
        let _second = begins(book.enter(2, false));
        assert!(book.end(first, false).entry.is_none(), "it ended before");
        assert_eq!(book.stats().running, 1);
    }
}
