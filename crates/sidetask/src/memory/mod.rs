//! The `memory:` tier: jobs kept in this process. They survive panics and failures of tasks, and nothing else.

mod enqueue;
mod inner;
mod lane;
mod manage;
mod operate;
#[cfg(feature = "testing")]
mod step;
mod work;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sidetask_core::{
    Activity, AttemptLog, Change, Claim, Claimed, Clock, Enqueued, Error, Events, Filter, Finish, Heartbeat, JobId,
    JobRecord, Joining, Listed, NewJob, Operate, Page, ProgressUpdate, Promoted, Publisher, Purge, Rescued, Slots,
    State, Stats, Store, SystemClock, Timestamp, Verdict, WorkerId, WorkerRecord,
};

use inner::Inner;

/// A store that keeps its jobs in memory, for work that may be lost with the process, and for tests.
///
/// It does everything that a durable store does: leases, fencing, rescue, events, hand-off. A job is safe from panics
/// and failures once it is accepted, and gone with the process; it runs at least once unless that ends first. No call
/// waits for anything: each future completes when it is first polled, so that there is nothing to cancel.
///
/// ```
/// use std::sync::Arc;
///
/// use sidetask::core::Store;
/// use sidetask::memory::MemoryStore;
///
/// let store: Arc<dyn Store> = Arc::new(MemoryStore::builder().keep_finished(100).build());
/// ```
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

impl MemoryStore {
    /// An empty store with the defaults of its [`Builder`].
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Settings for a store.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Carries out one operation, then tells of what it changed. Nobody sees it half done.
    fn opened<T>(&self, operation: impl FnOnce(&mut Inner) -> T) -> Result<T, Error> {
        let mut inner = self.lock();
        inner.check_open()?;
        let answer = operation(&mut inner);
        inner.settle();
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The clock is the only code of others that runs in here, and never while a job is out of its place: whatever
        // panicked, no change is half made.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// Settings of a [`MemoryStore`].
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `build`"]
pub struct Builder {
    clock: Arc<dyn Clock>,
    keep_finished: usize,
}

impl Builder {
    /// The clock to read. Default: the machine's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many ended jobs to keep, with their outputs: those that ended last. When more end, the oldest are deleted,
    /// and their keys are free again. Zero keeps none, so that no output can be read. Default: 10,000.
    pub const fn keep_finished(mut self, jobs: usize) -> Self {
        self.keep_finished = jobs;
        self
    }

    /// An empty store.
    pub fn build(self) -> MemoryStore {
        let inner = Inner::new(Arc::clone(&self.clock), self.keep_finished);
        MemoryStore { clock: self.clock, inner: Mutex::new(inner) }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), keep_finished: 10_000 }
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        self.opened(|inner| inner.enqueue(jobs))
    }

    async fn join(&self, worker: Joining) -> Result<(), Error> {
        self.opened(|inner| inner.join(&worker))
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), Error> {
        self.opened(|inner| inner.leave(worker))
    }

    fn lend(&self, slots: Slots) {
        self.lock().lend(slots);
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, Error> {
        self.opened(|inner| inner.claim(&claim))?
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Heartbeat, Error> {
        self.opened(|inner| inner.heartbeat(worker))?
    }

    async fn progress(&self, updates: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error> {
        self.opened(|inner| updates.into_iter().map(|update| inner.progress(update)).collect())
    }

    async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Verdict>, Error> {
        self.opened(|inner| finishes.into_iter().map(|finish| inner.finish(finish)).collect())
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, Error> {
        self.opened(|inner| inner.promote(limit))
    }

    async fn rescue(&self, limit: usize) -> Result<Vec<Rescued>, Error> {
        self.opened(|inner| inner.rescue(limit))
    }

    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error> {
        self.opened(|inner| ids.into_iter().map(|id| inner.change_by_hand(id, &change)).collect())
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        self.opened(|inner| ids.into_iter().map(|id| inner.job(id)).collect())
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.opened(|inner| inner.list(&filter, page))?
    }

    async fn stats(&self) -> Result<Stats, Error> {
        self.opened(|inner| inner.stats())
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<(), Error> {
        self.opened(|inner| inner.pause(queue, paused))
    }

    async fn purge(&self, purge: Purge) -> Result<usize, Error> {
        self.opened(|inner| inner.purge(purge))
    }

    fn listen(&self) -> Events {
        // A closed store has no publisher: one that is dropped at once ends its listener.
        self.lock().publisher().map_or_else(|| Publisher::new().subscribe(), Publisher::subscribe)
    }

    fn operate(&self) -> &dyn Operate {
        self
    }

    async fn close(&self) -> Result<(), Error> {
        self.lock().close();
        Ok(())
    }
}

#[async_trait]
impl Operate for MemoryStore {
    async fn workers(&self) -> Result<Vec<WorkerRecord>, Error> {
        self.opened(|inner| inner.known_workers())
    }

    async fn logs(&self, job: JobId) -> Result<Vec<AttemptLog>, Error> {
        self.opened(|inner| inner.logs(job))
    }

    async fn activity(&self, since: Timestamp) -> Result<Vec<Activity>, Error> {
        self.opened(|inner| inner.activity_since(since))
    }

    async fn oldest_due(&self) -> Result<Vec<(String, Timestamp)>, Error> {
        self.opened(|inner| inner.oldest_due())
    }
}

#[cfg(test)]
mod tests;
