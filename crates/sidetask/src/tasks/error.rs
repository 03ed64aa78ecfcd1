use std::fmt;

use sidetask_core::Error;

use super::results::Results;

/// Why [`Tasks`](crate::Tasks) did not all succeed: every failure, and the results of those that did.
///
/// Its `source()` is the first failure in the order of the list. It becomes an [`Error`] with `?`, itself the source.
pub struct TasksError(Box<Inner>);

struct Inner {
    refusal: Option<Error>,
    failures: Vec<Failure>,
    unfinished: Vec<usize>,
    results: Results,
}

/// One task that failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Its place in the list, counted from 0.
    pub index: usize,
    /// What it was called, or the place where it was made.
    pub name: String,
    /// How it failed. What its code returned is the `source()`; that of a list within the list is a [`TasksError`].
    pub error: Error,
}

impl TasksError {
    pub(super) fn new(failures: Vec<Failure>, unfinished: Vec<usize>, results: Results) -> Self {
        Self(Box::new(Inner { refusal: None, failures, unfinished, results }))
    }

    pub(super) fn refused(error: Error, results: Results) -> Self {
        let unfinished = (0..results.len()).collect();
        Self(Box::new(Inner { refusal: Some(error), failures: Vec::new(), unfinished, results }))
    }

    /// The tasks that failed, in the order of the list.
    pub fn failures(&self) -> &[Failure] {
        &self.0.failures
    }

    /// The tasks, by their place counted from 0, that did not run to an end because another failed: not begun, or
    /// cancelled in their group.
    pub fn unfinished(&self) -> &[usize] {
        &self.0.unfinished
    }

    /// Why none was run at all, where that is so: the settings cannot be used, or there is no tokio runtime for a group.
    pub fn refusal(&self) -> Option<&Error> {
        self.0.refusal.as_ref()
    }

    /// The results of the tasks that succeeded.
    pub fn results(&mut self) -> &mut Results {
        &mut self.0.results
    }

    /// The failures and the results, by value.
    pub fn into_parts(self) -> (Vec<Failure>, Results) {
        (self.0.failures, self.0.results)
    }

    /// Whether nothing failed here, and the list around it wanted an end.
    pub(super) fn is_only_stopped(&self) -> bool {
        self.0.failures.is_empty() && self.0.refusal.is_none()
    }
}

impl fmt::Display for TasksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.refusal.is_some() {
            return f.write_str("the tasks were not run");
        }
        write!(f, "{} of {} tasks failed:", self.0.failures.len(), self.0.results.len())?;
        for (at, failure) in self.0.failures.iter().enumerate() {
            write!(f, "{} `{}`", if at == 0 { "" } else { "," }, failure.name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for TasksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("TasksError");
        out.field("refusal", &self.0.refusal).field("failures", &self.0.failures);
        out.field("unfinished", &self.0.unfinished).finish_non_exhaustive()
    }
}

impl std::error::Error for TasksError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let first = self.0.failures.first().map(|failure| &failure.error);
        self.0.refusal.as_ref().or(first).map(|error| error as _)
    }
}

impl From<TasksError> for Error {
    fn from(error: TasksError) -> Self {
        Self::failed("a list of tasks", error)
    }
}
