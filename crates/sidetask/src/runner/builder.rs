use std::fmt;
use std::sync::Arc;

use sidetask_core::{Error, Registry};

use super::{Runner, TaskFailure};
use crate::BlockingPool;
use crate::task::lent::Lent;

/// Settings of a [`Runner`].
#[derive(Clone, Debug, Default)]
#[must_use = "settings do nothing until `build` is called"]
pub struct RunnerBuilder(Settings);

pub(super) type OnError = dyn Fn(&TaskFailure<'_>) + Send + Sync;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) concurrency: usize,
    pub(super) queue: usize,
    pub(super) lent: Lent,
    pub(super) on_error: Option<Arc<OnError>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { concurrency: 1_000, queue: 10_000, lent: Lent::default(), on_error: None }
    }
}

impl RunnerBuilder {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// How many tasks run at once, a list counting as one; at least 1. Default: 1,000.
    pub fn concurrency(mut self, tasks: usize) -> Self {
        self.0.concurrency = tasks;
        self
    }

    /// How many tasks may wait while that many run. Zero: none. Default: 10,000.
    pub fn queue(mut self, tasks: usize) -> Self {
        self.0.queue = tasks;
        self
    }

    /// Sets a callback for the failures of tasks, panics included, after they were logged. Of a list it is called for
    /// each member that failed. It runs where the task ran, so that it should not block; should it panic, that is logged.
    /// Default: none.
    pub fn on_error(mut self, on_error: impl Fn(&TaskFailure<'_>) + Send + Sync + 'static) -> Self {
        self.0.on_error = Some(Arc::new(on_error));
        self
    }

    /// Lends a `#[state]` value to calls, in place of an earlier one of its type. What a task has of its own comes
    /// first.
    pub fn state<S: Clone + Send + Sync + 'static>(mut self, value: S) -> Self {
        self.0.lent.states.insert(value);
        self
    }

    /// Where the functions of calls are looked up. Default: all `#[task]` functions linked into the program.
    pub fn registry(mut self, registry: impl Into<Arc<Registry>>) -> Self {
        self.0.lent.registry = Some(registry.into());
        self
    }

    /// The pool that blocking code runs on, or [its name](BlockingPool::named). What a task has of its own comes first.
    /// Default: [`BlockingPool::shared`].
    pub fn pool(mut self, pool: impl Into<BlockingPool>) -> Self {
        self.0.lent.pool = Some(pool.into());
        self
    }

    /// The runner. It has nothing to do yet.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration): the concurrency is 0.
    pub fn build(self) -> Result<Runner, Error> {
        if self.0.concurrency == 0 {
            let fault = "a concurrency of 0 runs nothing: it must be at least 1";
            return Err(Error::configuration(&[fault.to_owned()]));
        }
        Ok(Runner::with(self.0))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Settings");
        out.field("concurrency", &self.concurrency).field("queue", &self.queue).finish_non_exhaustive()
    }
}
