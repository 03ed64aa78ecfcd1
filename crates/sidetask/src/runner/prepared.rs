use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;

use sidetask_core::Error;
use tokio::runtime::Handle;
use tracing::{Instrument as _, Span};

use super::book::{Described, Entered, Entry, Key, Left};
use super::{Runner, TaskFailure};
use crate::task::label::Label;
use crate::tasks::Member;

/// A task that a [`Runner`] can start at any time. Dropping it drops the task.
#[must_use = "a prepared task does nothing until it is started"]
pub struct Prepared {
    runner: Runner,
    ready: Ready,
}

/// A task, and all that it takes to begin it.
pub(super) struct Ready {
    pub(super) runtime: Handle,
    pub(super) label: Label,
    pub(super) origin: Origin,
    pub(super) member: Box<dyn Member>,
}

/// Where a task comes from.
pub(super) struct Origin {
    pub(super) id: Option<String>,
    pub(super) span: Span,
}

impl Prepared {
    pub(super) fn new(runner: Runner, ready: Ready) -> Self {
        Self { runner, ready }
    }

    /// Says what it belongs to, such as the id of a request: logs, failures and the report of a shutdown name it.
    pub fn origin(mut self, id: Option<String>) -> Self {
        self.ready.origin.id = id;
        self
    }

    /// Sets the tracing span that its own one follows from, in place of the one that was current when it was prepared.
    pub fn follows(mut self, span: Span) -> Self {
        self.ready.origin.span = span;
        self
    }

    /// Starts it, or queues it. Never blocks or panics; needs no runtime around it.
    ///
    /// # Errors
    /// It does not run then: [`is_queue_full`](Error::is_queue_full), counted as dropped; [`is_closed`](Error::is_closed)
    /// after a shutdown.
    pub fn start(self) -> Result<(), Error> {
        self.enter(false)
    }

    /// [`start`](Self::start), whether or not the queue has room: for work that was let in before.
    ///
    /// # Errors
    /// [`is_closed`](Error::is_closed) after a shutdown; it does not run then.
    pub fn start_over_limit(self) -> Result<(), Error> {
        self.enter(true)
    }

    fn enter(self, must_fit: bool) -> Result<(), Error> {
        let Self { runner, ready } = self;
        // Bound to a name, so that a task that is refused is dropped out of the lock, since its values are the user's.
        let entered = runner.book().enter(ready, must_fit);
        match entered {
            Entered::Begins(ready, key) => begin_in_turn(&runner, ready, key),
            Entered::Waits => {}
            Entered::IsRefused(ready) => {
                let settings = &runner.0.settings;
                return Err(Error::queue_full(&ready.label.to_string(), settings.concurrency, settings.queue));
            }
            Entered::IsTooLate(_) => return Err(Error::closed("runner")),
        }
        Ok(())
    }
}

/// Begins a task that is in the book already.
fn begin(runner: Runner, ready: Ready, key: Key) {
    let Ready { runtime, label, origin, mut member } = ready;
    let span = tracing::info_span!(parent: None, "task", name = %label, origin = origin.id);
    span.follows_from(&origin.span);
    drop((label, origin));
    let place = Place { runner: runner.clone(), key, is_over: false };
    let running = async move {
        let outcome = member.run(&place.runner.0.settings.lent).await;
        drop(member);
        place.end(outcome.map_or(Ok(()), |outcome| outcome.map(drop)));
    };
    // Out of the lock: a runtime that has shut down drops the future here, and with it the place.
    let handle = runtime.spawn(running.instrument(span));
    runner.book().set_abort(key, handle.abort_handle());
}

/// The place of a running task in the book. It ends with the task, however that ends.
struct Place {
    runner: Runner,
    key: Key,
    is_over: bool,
}

/// How a task ended.
enum Ended {
    Completed,
    Failed(Error),
    /// With a panic while one of its values was dropped, or with its runtime.
    Lost,
}

impl Place {
    fn end(mut self, outcome: Result<(), Error>) {
        self.is_over = true;
        self.leave(outcome.map_or_else(Ended::Failed, |()| Ended::Completed));
    }

    fn leave(&self, ended: Ended) {
        let is_failure = !matches!(ended, Ended::Completed);
        let Left { entry, next, is_quiet } = self.runner.book().end(self.key, is_failure);
        let Some(Entry { label, origin, .. }) = entry else { return };
        if let Some((ready, key)) = next {
            begin_in_turn(&self.runner, ready, key);
        }
        if let Some(error) = ended.error(&label) {
            let (name, place) = (&*label.to_string(), Some(label.place));
            self.runner.report(&TaskFailure { name, place, origin: origin.as_deref(), error: &error });
        }
        self.runner.0.room.notify_one();
        if is_quiet {
            self.runner.0.quiet.notify_waiters();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_over {
            self.leave(Ended::Lost);
        }
    }
}

impl Ended {
    fn error(self, label: &Label) -> Option<Error> {
        match self {
            Self::Completed => None,
            Self::Failed(error) => Some(error),
            Self::Lost if std::thread::panicking() => {
                Some(Error::panicked(&label.to_string(), "one of its values did when it was dropped"))
            }
            Self::Lost => Some(Error::cancelled(format_args!("`{label}`, whose runtime shuts down,"))),
        }
    }
}

/// [`begin`], one after the other where one leads to the next: a runtime that has shut down ends each task at once, and
/// with it begins the next.
fn begin_in_turn(runner: &Runner, ready: Ready, key: Key) {
    thread_local!(static TURN: RefCell<Option<VecDeque<(Runner, Ready, Key)>>> = const { RefCell::new(None) });
    let mut next = Some((runner.clone(), ready, key));
    let is_nested = TURN.with_borrow_mut(|turn| match turn {
        Some(turn) => {
            turn.extend(next.take());
            true
        }
        None => {
            *turn = Some(VecDeque::new());
            false
        }
    });
    if is_nested {
        return;
    }
    while let Some((runner, ready, key)) = next {
        begin(runner, ready, key);
        next = TURN.with_borrow_mut(|turn| turn.as_mut().and_then(VecDeque::pop_front));
    }
    TURN.set(None);
}

impl Described for Ready {
    fn describe(&self) -> (Label, Option<String>) {
        (self.label.clone(), self.origin.id.clone())
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("task", &self.ready.label).finish_non_exhaustive()
    }
}
