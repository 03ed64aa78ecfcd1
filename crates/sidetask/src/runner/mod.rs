//! Tasks that run by themselves: tracked, limited, drained at the end.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sidetask_core::Error;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::IntoTask;
use crate::task::label::Label;

mod begin;
mod book;
mod builder;
mod failure;
mod prepared;
mod report;

use begin::begin;
use book::{Book, Entered};
pub use builder::RunnerBuilder;
use builder::Settings;
pub use failure::TaskFailure;
use prepared::Ready;
pub use prepared::{Prepared, Refused};
pub use report::{RunnerReport, RunnerStats, UnfinishedTask};

#[doc = include_str!("../../docs/runner.md")]
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

struct Inner {
    settings: Settings,
    book: Mutex<Book<Ready>>,
    /// How many tasks run and wait by the book, for who asks without its lock.
    load: AtomicUsize,
    /// How many tasks may run and wait.
    most: usize,
    /// Told, one at a time, that there is room again.
    room: Notify,
    /// Told that nothing runs or waits, where somebody waits for that.
    quiet: Notify,
    /// A shutdown's deadline has passed.
    is_given_up: AtomicBool,
}

impl Runner {
    /// A runner with the default settings.
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// A runner with settings of one's own.
    pub fn builder() -> RunnerBuilder {
        RunnerBuilder::new()
    }

    fn with(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            book: Mutex::new(Book::new(settings.concurrency, settings.queue)),
            load: AtomicUsize::new(0),
            most: settings.concurrency.saturating_add(settings.queue),
            settings,
            room: Notify::new(),
            quiet: Notify::new(),
            is_given_up: AtomicBool::new(false),
        }))
    }

    /// Runs a task, a call or a list by itself, on the tokio runtime that this is called on: at once where fewer run than
    /// the [concurrency](RunnerBuilder::concurrency) allows, else in its turn. Tasks begin in no certain order, since a
    /// runtime has several threads. What one fails with goes to the log and to [`on_error`](RunnerBuilder::on_error).
    ///
    /// # Errors
    /// Those of [`start`](Self::start); [`is_configuration`](Error::is_configuration) outside of a tokio runtime.
    #[track_caller]
    pub fn spawn(&self, task: impl IntoTask) -> Result<(), Error> {
        let task = Prepared::new(task);
        let Ok(runtime) = Handle::try_current() else {
            let fault = format!("task `{}` was given to a runner outside of a tokio runtime", task.name());
            return Err(Error::configuration(&[fault]));
        };
        Ok(self.start(&runtime, task)?)
    }

    /// [`spawn`](Self::spawn) for a task that was prepared, on a given runtime. Never blocks or panics, so that it can be
    /// called from a destructor.
    ///
    /// # Errors
    /// Nothing runs then: [`is_queue_full`](Error::is_queue_full), counted as dropped; [`is_closed`](Error::is_closed)
    /// after a shutdown. The task comes back.
    pub fn start(&self, runtime: &Handle, task: Prepared) -> Result<(), Refused> {
        self.enter(runtime, task, false)
    }

    /// [`start`](Self::start), whether or not the queue has room: for work that was let in before.
    ///
    /// # Errors
    /// [`is_closed`](Error::is_closed) after a shutdown; nothing runs then. The task comes back.
    pub fn start_over_limit(&self, runtime: &Handle, task: Prepared) -> Result<(), Refused> {
        self.enter(runtime, task, true)
    }

    fn enter(&self, runtime: &Handle, task: Prepared, must_fit: bool) -> Result<(), Refused> {
        let wait = |task| Ready { runtime: runtime.clone(), task };
        let (error, task) = match self.change(|book| book.enter(task, must_fit, wait)).0 {
            Entered::Begins(task, key) => {
                begin(self, runtime, task, key);
                return Ok(());
            }
            Entered::Waits => return Ok(()),
            Entered::IsRefused(task) => {
                let Settings { concurrency, queue, .. } = self.0.settings;
                (Error::queue_full(&task.name(), concurrency, queue), task)
            }
            Entered::IsTooLate(task) => (Error::closed("runner"), task),
        };
        Err(Refused { error, task })
    }

    /// Whether a task that is given now would run or find a place in the queue.
    pub fn has_room(&self) -> bool {
        self.0.load.load(Ordering::Relaxed) < self.0.most
    }

    /// Waits until a task that is given would run or find a place in the queue. No place is kept: whoever comes first
    /// has it. Completes at once after a shutdown.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn room(&self) {
        loop {
            let mut told = std::pin::pin!(self.0.room.notified());
            told.as_mut().enable();
            if self.has_room() {
                // The place may be enough for another one as well.
                self.0.room.notify_one();
                return;
            }
            told.await;
        }
    }

    /// What it does at this moment, and what it has done.
    pub fn stats(&self) -> RunnerStats {
        self.book().stats()
    }

    /// Waits until all tasks have ended, those included that are given meanwhile, and closes. At the deadline, `within`
    /// from now, it closes as well: what runs is aborted at its next await, what waits is dropped, and the report names
    /// all of it. A function on the blocking pool that has begun cannot be stopped, and does not keep the process from
    /// exiting. Zero closes at once.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing: the runner goes on. Of two at once the later ends with the earlier, which
    /// names what is left.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
    pub async fn shutdown(&self, within: Duration) -> RunnerReport {
        let before = self.stats();
        let _ = tokio::time::timeout(within, self.quiet()).await;
        self.0.is_given_up.store(true, Ordering::Relaxed);
        let ((running, waiting), _) = self.change(Book::close);
        let after = self.stats();
        self.0.room.notify_one();
        self.0.quiet.notify_waiters();
        // The entries go, and with them tell the tasks to stop.
        let begun = running.into_iter().map(|entry| unfinished(&entry.label, entry.origin, true));
        let queued = waiting.into_iter().map(|Ready { task, .. }| {
            let label = task.member.label().clone();
            unfinished(&label, task.origin.id, false)
        });
        RunnerReport { finished: after.ended() - before.ended(), unfinished: begun.chain(queued).collect() }
    }

    /// Waits until nothing runs or waits.
    async fn quiet(&self) {
        loop {
            let mut quiet = std::pin::pin!(self.0.quiet.notified());
            quiet.as_mut().enable();
            if self.book().await_quiet() {
                return;
            }
            quiet.await;
        }
    }

    fn is_given_up(&self) -> bool {
        self.0.is_given_up.load(Ordering::Relaxed)
    }

    /// Writes to the book. Says as well whether that made room where there was none: who waits for room tells the next, so
    /// that no more than this has to be told.
    fn change<T>(&self, write: impl FnOnce(&mut Book<Ready>) -> T) -> (T, bool) {
        let mut book = self.book();
        let before = book.load();
        let written = write(&mut book);
        let load = book.load();
        self.0.load.store(load, Ordering::Relaxed);
        (written, before >= self.0.most && load < self.0.most)
    }

    fn book(&self) -> MutexGuard<'_, Book<Ready>> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs a failure and hands it to the callback, as those of its own tasks are. For front ends, whose own steps for a
    /// task may fail before it runs.
    pub fn report(&self, failure: &TaskFailure<'_>) {
        failure.report(self.0.settings.on_error.as_deref());
    }
}

fn unfinished(label: &Label, origin: Option<String>, is_begun: bool) -> UnfinishedTask {
    UnfinishedTask { name: label.to_string(), place: label.place, origin, is_begun }
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("settings", &self.0.settings).field("stats", &self.stats()).finish()
    }
}
