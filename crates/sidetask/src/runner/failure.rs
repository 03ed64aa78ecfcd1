use std::fmt;
use std::panic::Location;

use sidetask_core::Error;

use super::builder::OnError;
use crate::TasksError;
use crate::panics::catch;

/// A task that failed where nobody waited for it. Displayed, it is one line with the cause.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TaskFailure<'a> {
    /// What it is called, or the place where it was made.
    pub name: &'a str,
    /// Where it was made; `None` for a member of a list.
    pub place: Option<&'static Location<'static>>,
    /// What it belongs to, such as the id of a request.
    pub origin: Option<&'a str>,
    /// How it failed. What its code returned is the `source()`.
    pub error: &'a Error,
}

impl<'a> TaskFailure<'a> {
    /// The failure of a task of this name.
    pub const fn new(name: &'a str, error: &'a Error) -> Self {
        Self { name, place: None, origin: None, error }
    }

    /// Says where the task was made.
    #[must_use]
    pub const fn place(mut self, place: &'static Location<'static>) -> Self {
        self.place = Some(place);
        self
    }

    /// Says what it belongs to.
    #[must_use]
    pub const fn origin(mut self, origin: Option<&'a str>) -> Self {
        self.origin = origin;
        self
    }

    /// Logs it and calls `on_error`; for a list, each member that failed.
    pub(super) fn report(&self, on_error: Option<&OnError>) {
        let source = std::error::Error::source(self.error);
        if let Some(list) = source.and_then(|source| source.downcast_ref::<TasksError>())
            && !list.failures().is_empty()
        {
            for failure in list.failures() {
                TaskFailure { name: &failure.name, place: None, error: &failure.error, ..*self }.report(on_error);
            }
            return;
        }
        let Self { name, place, origin, error } = *self;
        // A subscriber that panics is nobody's failure here: others wait for what follows.
        let _ = catch(|| {
            tracing::error!(task = name, place = place.map(tracing::field::display), origin, source, "{error}")
        });
        if let Some(on_error) = on_error
            && let Err(panic) = catch(|| on_error(self))
        {
            let panic = panic.message();
            let _ = catch(|| tracing::error!(task = name, origin, panic, "the callback for failures panicked"));
        }
    }
}

/// One line for a log: how it failed, with every cause, and what it belongs to.
impl fmt::Display for TaskFailure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        let mut cause = std::error::Error::source(self.error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        self.origin.map_or(Ok(()), |origin| write!(f, " (of {origin})"))
    }
}
