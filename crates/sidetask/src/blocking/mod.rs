//! Code that blocks: awaiting it, and the bounded pool of threads that it runs on.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, LazyLock};

use sidetask_core::{Error, TaskOptions};

mod bridge;
mod builder;
mod named;
mod stats;
mod submitted;
mod threads;

pub use bridge::{Blocking, blocking, blocking_with_token};
pub use builder::BlockingPoolBuilder;
pub use stats::PoolStats;
pub(crate) use submitted::{Lost, Submitted};
pub(crate) use threads::Function;
use threads::Threads;

/// Threads for code that blocks: a bounded number of them, and a bounded queue before them. Cheap to clone; all clones
/// are one pool.
///
/// An async runtime's own blocking threads are many (512 in tokio) and their queue has no bound, so that a slow disk
/// takes the whole process down with it. This pool refuses work that it cannot hold, at once, with an error that says so.
///
/// - Threads are started when they are needed, and end when they were idle for a while.
/// - **A running function cannot be stopped**, by no means: its thread goes on until it returns. What nobody waits for
///   any more is dropped when it does.
/// - Nothing here needs an async runtime: what [`run`](BlockingPool::run) returns can be awaited on any executor.
/// - The pool never keeps the process from exiting: functions still running when `main` returns end with the process,
///   wherever they are.
/// - When the last clone is dropped, idle threads end at once and the others after the function that they run.
///
/// ```
/// use sidetask::BlockingPool;
///
/// # async fn example() -> Result<(), sidetask::Error> {
/// let pool = BlockingPool::builder().threads(4).queue(100).name("thumbnails").build()?;
/// let size = pool.run(|| std::fs::metadata("Cargo.toml").map(|file| file.len())).await?;
/// # assert!(size.unwrap() > 0);
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
/// # Pools by name
/// One pool for everything lets one slow dependency take every thread. A pool of its own for each keeps the others
/// going, and a name is enough to have one: wherever a pool is given, `.pool("crm")` is the process's pool
/// [named](BlockingPool::named) `crm`.
#[derive(Clone)]
pub struct BlockingPool(Arc<Threads>);

/// The name of the shared pool, and of those that were given none.
const SHARED: &str = "sidetask-pool";

impl BlockingPool {
    /// A pool of its own, with limits of its own.
    pub fn builder() -> BlockingPoolBuilder {
        BlockingPoolBuilder::new()
    }

    /// The pool of the whole process, used wherever no other is given: 32 threads, 10,000 functions waiting, idle
    /// threads end after 10 seconds. It is the one named `sidetask-pool`;
    /// [`install`](BlockingPoolBuilder::install) without a name gives it other limits.
    ///
    /// 32 threads keep a disk and a few slow services busy on any machine without the memory and the switching of
    /// hundreds; work that only computes wants a pool of its own with one thread a core. 10,000 waiting functions are
    /// minutes of work at milliseconds each, and some megabytes: whoever is further behind should be told.
    pub fn shared() -> Self {
        static POOL: LazyLock<BlockingPool> = LazyLock::new(|| BlockingPool::named(SHARED));
        POOL.clone()
    }

    /// The process's pool of this name: the one that was [installed](BlockingPoolBuilder::install), else one that the
    /// first use of the name makes, with the limits of the [shared](Self::shared) pool.
    ///
    /// It is there for as long as the process: name pools after dependencies, of which there are few, and not after
    /// what comes from outside.
    ///
    /// ```
    /// use sidetask::{BlockingPool, Task};
    ///
    /// # async fn example() -> Result<(), sidetask::Error> {
    /// let size = Task::blocking(|| std::fs::metadata("Cargo.toml").map(|file| file.len())).pool("disk").await?;
    /// # assert!(size > 0);
    /// assert_eq!(BlockingPool::named("disk").stats().started, 1);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn named(name: &str) -> Self {
        named::find(name)
    }

    /// Every pool that the process knows by name, ordered by that, to watch them all: those installed or used so far,
    /// the [shared](Self::shared) one among them.
    pub fn all_named() -> Vec<Self> {
        named::all()
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.0.limits().name
    }

    /// The pool that a task of these options runs on where `or` is lent to it.
    pub(crate) fn of_task(options: &TaskOptions, or: impl FnOnce() -> Self) -> Self {
        options.pool.as_deref().map_or_else(or, Self::named)
    }

    /// Runs `f` on a thread of the pool, from when the returned future is first polled. Needs no async runtime.
    ///
    /// # Errors
    /// - [`is_pool_full`](Error::is_pool_full), at once, where every thread is busy and the queue is full, or the system
    ///   gives no thread; `f` has not run then.
    /// - [`is_panic`](Error::is_panic) where `f` panicked; its thread goes on.
    ///
    /// # Cancel safety
    /// Dropping the future before `f` began removes it from the queue. Afterwards `f` runs on to its end and its result
    /// is dropped.
    pub fn run<F, T>(&self, f: F) -> impl Future<Output = Result<T, Error>> + Send + 'static + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.run_named(std::any::type_name::<F>(), f)
    }

    /// [`run`](Self::run), with the name that a panic is reported under.
    pub(crate) fn run_named<N, F, T>(
        &self,
        name: N,
        f: F,
    ) -> impl Future<Output = Result<T, Error>> + Send + 'static + use<N, F, T>
    where
        N: AsRef<str> + Send + 'static,
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let pool = self.clone();
        async move {
            let ended = pool.submit(f)?.await;
            ended.map_err(|lost| lost.of(name.as_ref()))
        }
    }

    /// Hands `f` to the pool at once.
    pub(crate) fn submit<F, T>(&self, f: F) -> Result<Submitted<T>, Error>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Submitted::to(self.clone(), f)
    }

    /// Hands over a function that nobody waits for. One that there is no room for is dropped.
    pub(crate) fn submit_and_forget(&self, function: Function) {
        // The error is the one that `full` gives to whoever notices that the function was dropped.
        let _ = self.0.push(function);
    }

    /// Why the pool takes nothing more.
    pub(crate) fn full(&self) -> Error {
        self.0.full()
    }

    /// What the pool does at this moment, and what it did so far. Costs a lock that is never held for long.
    pub fn stats(&self) -> PoolStats {
        self.0.stats()
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingPool").field("limits", self.0.limits()).field("stats", &self.stats()).finish()
    }
}
