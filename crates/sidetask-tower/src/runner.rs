//! Runs tasks beside responses, until the facade's own runner is there.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sidetask::{BlockingPool, Error, IntoTask, Registry, Tasks};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tracing::Instrument as _;

/// A task that failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct TaskFailure {
    /// Its name.
    pub name: String,
    /// Where it was made.
    pub place: Option<&'static Location<'static>>,
    /// The id of the request that it came from.
    pub origin: Option<String>,
    /// What went wrong.
    pub error: Error,
}

/// How many tasks there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunnerStats {
    /// Running now.
    pub running: usize,
    /// Waiting to run.
    pub queued: usize,
    /// Ended well.
    pub completed: usize,
    /// Failed.
    pub failed: usize,
    /// Never run.
    pub dropped: usize,
}

/// What did not finish.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunnerReport {
    /// The names of the tasks.
    pub unfinished: Vec<String>,
}

impl RunnerReport {
    /// Whether everything finished.
    pub fn is_complete(&self) -> bool {
        self.unfinished.is_empty()
    }
}

type OnError = Box<dyn Fn(&TaskFailure) + Send + Sync>;
type Configure = Box<dyn Fn(Tasks) -> Tasks + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Runner(Arc<Inner>);

struct Inner {
    on_error: Option<OnError>,
    configure: Vec<Configure>,
    slots: Semaphore,
    limit: usize,
    counts: [AtomicUsize; 5],
    closed: AtomicBool,
    changed: Notify,
    names: Mutex<Vec<String>>,
}

pub(crate) struct Builder {
    concurrency: usize,
    queue: usize,
    on_error: Option<OnError>,
    configure: Vec<Configure>,
}

impl Builder {
    pub(crate) fn concurrency(mut self, tasks: usize) -> Self {
        self.concurrency = tasks;
        self
    }
    pub(crate) fn queue(mut self, tasks: usize) -> Self {
        self.queue = tasks;
        self
    }
    pub(crate) fn on_error(mut self, f: impl Fn(&TaskFailure) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Box::new(f));
        self
    }
    pub(crate) fn state<S: Clone + Send + Sync + 'static>(mut self, value: S) -> Self {
        self.configure.push(Box::new(move |tasks| tasks.state(value.clone())));
        self
    }
    pub(crate) fn registry(mut self, registry: impl Into<Arc<Registry>>) -> Self {
        let registry = registry.into();
        self.configure.push(Box::new(move |tasks| tasks.registry(Arc::clone(&registry))));
        self
    }
    pub(crate) fn pool(mut self, pool: BlockingPool) -> Self {
        self.configure.push(Box::new(move |tasks| tasks.pool(pool.clone())));
        self
    }
    pub(crate) fn build(self) -> Result<Runner, Error> {
        if self.concurrency == 0 {
            return Err(Error::configuration(&["concurrency is 0: it must be at least 1".to_owned()]));
        }
        Ok(Runner(Arc::new(Inner {
            on_error: self.on_error,
            configure: self.configure,
            slots: Semaphore::new(self.concurrency),
            limit: self.concurrency + self.queue,
            counts: Default::default(),
            closed: AtomicBool::new(false),
            changed: Notify::new(),
            names: Mutex::default(),
        })))
    }
}

pub(crate) struct Prepared {
    runner: Runner,
    tasks: Tasks,
    name: String,
    place: &'static Location<'static>,
    origin: Option<String>,
    span: tracing::Span,
    handle: Handle,
}

impl Runner {
    pub(crate) fn builder() -> Builder {
        Builder { concurrency: 1024, queue: 10_000, on_error: None, configure: Vec::new() }
    }
    pub(crate) fn prepare(&self, task: impl IntoTask) -> Result<Prepared, Error> {
        let task = task.into_task();
        let (name, place) = (task.name(), task.place());
        let mut tasks = Tasks::new();
        tasks.add_task(task);
        let tasks = self.0.configure.iter().fold(tasks, |tasks, f| f(tasks));
        let handle = Handle::try_current().map_err(|_| Error::configuration(&["no tokio runtime".to_owned()]))?;
        let span = tracing::info_span!(parent: None, "task", name);
        span.follows_from(tracing::Span::current());
        Ok(Prepared { runner: self.clone(), tasks, name, place, origin: None, span, handle })
    }
    fn count(&self, at: usize) -> usize {
        self.0.counts[at].load(Ordering::SeqCst)
    }
    fn add(&self, at: usize) {
        self.0.counts[at].fetch_add(1, Ordering::SeqCst);
    }
    fn sub(&self, at: usize) {
        self.0.counts[at].fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
    pub(crate) fn has_room(&self) -> bool {
        self.count(0) + self.count(1) < self.0.limit
    }
    pub(crate) async fn room(&self) {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.has_room() {
                return;
            }
            changed.await;
        }
    }
    pub(crate) fn report(&self, failure: TaskFailure) {
        tracing::error!(task = failure.name, origin = failure.origin, "background task failed: {}", failure.error);
        if let Some(f) = &self.0.on_error {
            f(&failure);
        }
    }
    pub(crate) fn stats(&self) -> RunnerStats {
        RunnerStats {
            running: self.count(0),
            queued: self.count(1),
            completed: self.count(2),
            failed: self.count(3),
            dropped: self.count(4),
        }
    }
    pub(crate) async fn shutdown(&self, within: Duration) -> RunnerReport {
        let idle = async {
            loop {
                let changed = self.0.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if self.count(0) + self.count(1) == 0 {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(within, idle).await;
        self.0.closed.store(true, Ordering::SeqCst);
        RunnerReport { unfinished: self.0.names.lock().unwrap_or_else(PoisonError::into_inner).clone() }
    }
}

impl Prepared {
    pub(crate) fn origin(mut self, id: Option<String>) -> Self {
        self.origin = id;
        self
    }
    pub(crate) fn start(self) -> Result<(), Error> {
        if !self.runner.has_room() {
            self.runner.add(4);
            return Err(Error::pool_full(0, self.runner.0.limit));
        }
        self.start_over_limit()
    }
    pub(crate) fn start_over_limit(self) -> Result<(), Error> {
        let Self { runner, tasks, name, place, origin, span, handle } = self;
        if runner.0.closed.load(Ordering::SeqCst) {
            runner.add(4);
            return Err(Error::closed("runner"));
        }
        runner.add(1);
        runner.0.names.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        let run = async move {
            let permit = runner.0.slots.acquire().await;
            runner.sub(1);
            runner.add(0);
            let ended = tasks.await;
            drop(permit);
            let error = ended.err().map(Error::from);
            {
                let mut names = runner.0.names.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(at) = names.iter().position(|other| *other == name) {
                    names.remove(at);
                }
            }
            match error {
                None => runner.add(2),
                Some(error) => {
                    runner.add(3);
                    runner.report(TaskFailure { name, place: Some(place), origin, error });
                }
            }
            runner.sub(0);
        };
        handle.spawn(run.instrument(span));
        Ok(())
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
