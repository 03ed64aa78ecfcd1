use std::fmt;
use std::panic::Location;

use sidetask_core::Error;
use tokio::runtime::Handle;
use tracing::Span;

use super::book::Described;
use crate::IntoTask;
use crate::task::label::Label;
use crate::tasks::Member;

/// A task, a call or a list, ready for a [`Runner`](crate::Runner) to start, with what it belongs to. Dropping it drops
/// the task.
#[must_use = "a prepared task does nothing until a runner starts it"]
pub struct Prepared {
    pub(super) member: Box<dyn Member>,
    pub(super) origin: Origin,
}

/// Where a task comes from.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) id: Option<String>,
    pub(super) span: Span,
}

impl Prepared {
    /// Keeps the tracing span that is current: the task's own one will follow from it.
    #[track_caller]
    pub fn new(task: impl IntoTask) -> Self {
        Self { member: Box::new(task.into_task()), origin: Origin { id: None, span: Span::current() } }
    }

    /// Says what it belongs to, such as the id of a request: logs, failures and the report of a shutdown name it.
    pub fn origin(mut self, id: Option<String>) -> Self {
        self.origin.id = id;
        self
    }

    /// Sets the tracing span that its own one follows from, where none was current when it was made.
    pub fn follows(mut self, span: &Span) -> Self {
        if self.origin.span.is_none() {
            self.origin.span = span.clone();
        }
        self
    }

    /// What the task is called: its name, or the place where it was made.
    pub fn name(&self) -> String {
        self.member.label().to_string()
    }

    /// Where the task was made.
    pub fn place(&self) -> &'static Location<'static> {
        self.member.label().place
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("task", &self.member.label()).field("origin", &self.origin.id).finish()
    }
}

/// A task that a runner did not take.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refused {
    /// Why.
    pub error: Error,
    /// The task.
    pub task: Prepared,
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

/// A task that has a runtime to run on.
pub(super) struct Ready {
    pub(super) runtime: Handle,
    pub(super) task: Prepared,
}

impl Described for Prepared {
    fn describe(&self) -> (Label, Option<String>) {
        (self.member.label().clone(), self.origin.id.clone())
    }
}

impl Described for Ready {
    fn describe(&self) -> (Label, Option<String>) {
        self.task.describe()
    }
}
