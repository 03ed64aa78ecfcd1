//! The attempts that a worker runs, and the reports that its store has not confirmed yet.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sidetask_core::{CancelToken, Context, JobId, Token, WorkerId};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::shared::Report;
use crate::observe::counting::Sample;
use crate::observe::logging::Logged;

#[derive(Debug, Default)]
pub(super) struct Running {
    book: Mutex<Book>,
    /// Reports were confirmed.
    confirmed: Notify,
}

/// Whoever removes an attempt from here speaks for it: its own task when it ends, or the shutdown at its deadline.
#[derive(Debug, Default)]
struct Book {
    held: BTreeMap<JobId, Attempt>,
    /// Attempts whose lease is lost but which run on: the same job may be among those held.
    lost: Vec<Attempt>,
    /// Attempts that occupy a blocking thread.
    blocking: HashSet<Token>,
    /// By the worker under whose lease they were made.
    unconfirmed: BTreeMap<WorkerId, usize>,
    started: u64,
    ended: u64,
    closed: bool,
}

#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) token: Token,
    pub(super) kind: Arc<str>,
    pub(super) queue: usize,
    /// What the function knows it by.
    pub(super) context: Context,
    pub(super) sample: Sample,
    pub(super) logged: Logged,
    /// Its task.
    pub(super) handle: JoinHandle<()>,
}

/// What the shutdown takes over at its deadline.
#[derive(Debug)]
pub(super) struct TakenOver {
    /// To be given back, counted as unconfirmed already.
    pub(super) held: Vec<Attempt>,
    /// To be forgotten.
    pub(super) lost: Vec<Attempt>,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an attempt that `spawn` begins. False, with nothing begun, after [`take_over`](Self::take_over); its
    /// report is expected then.
    pub(super) fn start(&self, token: Token, spawn: impl FnOnce() -> Attempt) -> bool {
        let mut book = self.lock();
        if book.closed {
            book.expect_report(&token);
            return false;
        }
        book.started += 1;
        // Under the lock, so that it is entered before it can end.
        let attempt = spawn();
        if let Some(older) = book.held.insert(token.job, attempt) {
            book.lost.push(older);
        }
        true
    }

    /// Removes an attempt that ended. True where its report is wanted, which then counts as unconfirmed.
    pub(super) fn end(&self, token: &Token) -> bool {
        let mut book = self.lock();
        let removed = match book.held.get(&token.job) {
            Some(attempt) if attempt.token == *token => book.held.remove(&token.job).is_some(),
            _ => match book.lost.iter().position(|attempt| attempt.token == *token) {
                Some(at) => {
                    book.lost.swap_remove(at);
                    true
                }
                None => false,
            },
        };
        if removed {
            book.expect_report(token);
        }
        book.ended += u64::from(removed);
        removed
    }

    /// Counts a report of a job that was not begun.
    pub(super) fn expect_report(&self, token: &Token) {
        self.lock().expect_report(token);
    }

    /// Takes note that the store has these many reports. Answers how many it had not had before.
    pub(super) fn confirm(&self, reports: &[Report]) -> usize {
        let mut book = self.lock();
        let before = book.unconfirmed();
        reports.iter().for_each(|report| book.confirm(&report.finish.token));
        drop(book);
        self.confirmed.notify_waiters();
        before
    }

    /// Tells a running attempt that its job was cancelled.
    pub(super) fn cancel(&self, job: JobId) {
        let cancel = self.lock().held.get(&job).map(|attempt| attempt.context.cancel_token().clone());
        if let Some(cancel) = cancel {
            cancel.cancel();
        }
    }

    /// The jobs whose attempts run.
    pub(super) fn jobs(&self) -> Vec<JobId> {
        self.lock().held.keys().copied().collect()
    }

    /// Tells the attempts under a worker's lease that it is lost, and answers how many there are.
    pub(super) fn lose(&self, worker: WorkerId) -> usize {
        let mut book = self.lock();
        let lost: Vec<Attempt> =
            book.held.extract_if(.., |_, attempt| attempt.token.worker == worker).map(|(_, attempt)| attempt).collect();
        let tokens: Vec<CancelToken> = lost.iter().map(|attempt| attempt.context.cancel_token().clone()).collect();
        book.lost.extend(lost);
        drop(book);
        tokens.iter().for_each(CancelToken::cancel);
        tokens.len()
    }

    /// Takes all attempts away from their tasks; none can be entered from now on.
    pub(super) fn take_over(&self) -> TakenOver {
        let mut book = self.lock();
        book.closed = true;
        let held: Vec<Attempt> = mem::take(&mut book.held).into_values().collect();
        held.iter().for_each(|attempt| book.expect_report(&attempt.token));
        TakenOver { held, lost: mem::take(&mut book.lost) }
    }

    /// Marks an attempt as occupying a blocking thread, until what is answered is dropped.
    pub(super) fn occupy(self: &Arc<Self>, token: Token) -> Occupying {
        self.lock().blocking.insert(token);
        Occupying { running: Arc::clone(self), token }
    }

    pub(super) fn is_blocking(&self, token: &Token) -> bool {
        self.lock().blocking.contains(token)
    }

    /// Whether nothing runs and every report is confirmed.
    pub(super) fn is_quiet(&self) -> bool {
        self.lock().is_quiet()
    }

    /// Waits until nothing runs and every report is confirmed.
    pub(super) async fn quiet(&self) {
        self.until(Book::is_quiet).await;
    }

    /// Waits until nothing runs under a worker's lease and every report of what did is confirmed.
    pub(super) async fn quiet_of(&self, worker: WorkerId) {
        self.until(|book| book.is_quiet_of(worker)).await;
    }

    async fn until(&self, holds: impl Fn(&Book) -> bool) {
        loop {
            let mut confirmed = std::pin::pin!(self.confirmed.notified());
            confirmed.as_mut().enable();
            if holds(&self.lock()) {
                return;
            }
            confirmed.await;
        }
    }

    pub(super) fn unconfirmed(&self) -> usize {
        self.lock().unconfirmed()
    }

    /// How many attempts were started and how many ended, since the worker began.
    pub(super) fn counts(&self) -> (u64, u64) {
        let book = self.lock();
        (book.started, book.ended)
    }

    /// How many attempts run, by queue.
    pub(super) fn by_queue(&self, queues: usize) -> Vec<usize> {
        let book = self.lock();
        let mut counts = vec![0; queues];
        for attempt in book.held.values().chain(&book.lost) {
            counts[attempt.queue] += 1;
        }
        counts
    }
}

impl Book {
    fn is_quiet(&self) -> bool {
        self.held.is_empty() && self.lost.is_empty() && self.unconfirmed.is_empty()
    }

    fn is_quiet_of(&self, worker: WorkerId) -> bool {
        let runs = self.held.values().any(|attempt| attempt.token.worker == worker);
        !runs && !self.unconfirmed.contains_key(&worker)
    }

    fn unconfirmed(&self) -> usize {
        self.unconfirmed.values().sum()
    }

    fn expect_report(&mut self, token: &Token) {
        *self.unconfirmed.entry(token.worker).or_default() += 1;
    }

    fn confirm(&mut self, token: &Token) {
        if let Entry::Occupied(mut reports) = self.unconfirmed.entry(token.worker) {
            *reports.get_mut() -= 1;
            if *reports.get() == 0 {
                reports.remove();
            }
        }
    }
}

/// A blocking thread is occupied.
#[derive(Debug)]
pub(super) struct Occupying {
    running: Arc<Running>,
    token: Token,
}

impl Drop for Occupying {
    fn drop(&mut self) {
        self.running.lock().blocking.remove(&self.token);
    }
}
