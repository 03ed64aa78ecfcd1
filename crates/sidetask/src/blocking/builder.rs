use std::sync::Arc;
use std::time::Duration;

use sidetask_core::Error;

use super::threads::{Limits, Threads};
use super::{BlockingPool, named};

/// Settings of a [`BlockingPool`].
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `build` is called"]
pub struct BlockingPoolBuilder(Limits);

impl BlockingPoolBuilder {
    pub(super) fn new() -> Self {
        Self(Limits {
            threads: 32,
            queue: 10_000,
            keep_alive: Duration::from_secs(10),
            name: String::from(super::SHARED),
        })
    }

    /// How many threads there may be, and so how many functions run at once; at least 1. Default: 32.
    pub fn threads(mut self, threads: usize) -> Self {
        self.0.threads = threads;
        self
    }

    /// How many functions may wait while every thread is busy. Zero: none, whoever finds no free thread is refused.
    /// Default: 10,000.
    pub fn queue(mut self, queue: usize) -> Self {
        self.0.queue = queue;
        self
    }

    /// How long a thread stays when there is nothing to do. Zero: it ends at once. Default: 10 seconds.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.0.keep_alive = keep_alive;
        self
    }

    /// What the pool is called, in errors and by [`BlockingPool::named`] where it is [installed](Self::install), and its
    /// threads, followed by a number each. Systems show the first bytes only, 15 on Linux. Default: `sidetask-pool`,
    /// which is the name of the [shared](BlockingPool::shared) pool.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = name.into();
        self
    }

    /// Makes the pool the one that its [name](BlockingPool::named) stands for in the whole process, for as long as the
    /// process lives. Without a name of its own it becomes the [shared](BlockingPool::shared) pool.
    ///
    /// ```
    /// use sidetask::BlockingPool;
    ///
    /// BlockingPool::builder().name("crm").threads(8).queue(100).install()?;
    /// assert_eq!(BlockingPool::named("crm").stats().max_threads, 8);
    /// # Ok::<(), sidetask::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) where there is a pool of this name already: one is made by the first
    /// use of its name, so install it before, at the beginning of the program. Also for the faults that
    /// [`build`](Self::build) names.
    pub fn install(self) -> Result<BlockingPool, Error> {
        named::install(self.build()?)
    }

    /// A pool that only its clones stand for, whatever its name. It has no thread yet.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration), naming every fault: no threads, or a zero byte in the name.
    pub fn build(self) -> Result<BlockingPool, Error> {
        let mut faults = Vec::new();
        if self.0.threads == 0 {
            faults.push(String::from("a blocking pool of 0 threads runs nothing: give it at least 1"));
        }
        if self.0.name.contains('\0') {
            faults.push(format!("a thread's name has no zero byte: got {:?}", self.0.name));
        }
        if faults.is_empty() { Ok(self.start()) } else { Err(Error::configuration(&faults)) }
    }

    pub(super) fn start(self) -> BlockingPool {
        BlockingPool(Arc::new(Threads::new(self.0)))
    }
}
