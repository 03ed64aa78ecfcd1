use std::fmt;

use sidetask_core::Error;
use tokio::runtime::Handle;
use tracing::Span;

use super::Runner;
use super::begin::begin_in_turn;
use super::book::{Described, Entered};
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
