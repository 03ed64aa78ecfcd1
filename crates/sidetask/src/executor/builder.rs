use std::sync::Arc;

use sidetask_core::{Clock, Error, Registry, StateMap, SystemClock};

use super::{Executor, Inner};
use crate::observe::counting;
use crate::{BlockingPool, panics};

/// Settings of an [`Executor`].
#[derive(Debug)]
#[must_use = "settings do nothing until `build` is called"]
pub struct ExecutorBuilder {
    registry: Registry,
    states: StateMap,
    pool: Option<BlockingPool>,
    clock: Option<Arc<dyn Clock>>,
    max_output_bytes: usize,
}

impl ExecutorBuilder {
    /// The largest output that is taken unless something else is said, in bytes.
    pub(crate) const MAX_OUTPUT_BYTES: usize = 1024 * 1024;

    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, states: StateMap::new(), pool: None, clock: None, max_output_bytes: Self::MAX_OUTPUT_BYTES }
    }

    /// Gives a value to the tasks that take one of its type as `#[state]`, in place of an earlier one of the same type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Gives all these values, in place of those given so far.
    pub fn states(mut self, states: StateMap) -> Self {
        self.states = states;
        self
    }

    /// The threads for functions that are plain and name no pool. Default: [`BlockingPool::shared`].
    pub fn pool(mut self, pool: impl Into<BlockingPool>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// The clock that time limits are taken from. Default: the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The largest output of one attempt, in bytes of JSON; a larger one fails it for good; at least 1. Default: 1 MiB.
    pub fn max_output_bytes(mut self, bytes: usize) -> Self {
        self.max_output_bytes = bytes;
        self
    }

    /// The executor.
    ///
    /// # Errors
    /// - [`is_configuration`](Error::is_configuration) names every fault of the registered tasks;
    /// - [`is_missing_state`](Error::is_missing_state) names a task and the type of the `#[state]` value that it lacks.
    pub fn build(self) -> Result<Executor, Error> {
        let executor = self.build_lacking_states()?;
        executor.registry().iter().try_for_each(|definition| executor.check_states(definition))?;
        Ok(executor)
    }

    /// The executor, though some of its tasks may lack a `#[state]` value.
    pub(crate) fn build_lacking_states(self) -> Result<Executor, Error> {
        let Self { mut registry, states, pool, clock, max_output_bytes } = self;
        if max_output_bytes == 0 {
            return Err(Error::configuration(&["max_output_bytes is 0: no output has 0 bytes".to_owned()]));
        }
        registry.check()?;
        panics::listen();
        counting::know(&registry);
        Ok(Executor(Arc::new(Inner {
            registry,
            states,
            pool: pool.unwrap_or_else(BlockingPool::shared),
            clock: clock.unwrap_or_else(|| Arc::new(SystemClock)),
            max_output_bytes,
        })))
    }
}
