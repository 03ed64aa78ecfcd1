//! A store that notes what it is asked, and fails when it is told to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sidetask::core::{
    Change, Claim, Claimed, Enqueued, Events, Finish, Heartbeat, Joining, Listed, NewJob, Operate, ProgressUpdate,
    Promoted, Purge, Rescued, Slots, Store, Verdict, WorkerId,
};
use sidetask::{Client, Clock, Error, Filter, JobId, JobRecord, MemoryStore, Page, State, Stats};
use sidetask_testing::ManualClock;
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(crate) struct Recording {
    inner: Arc<dyn Store>,
    /// Every request fails.
    is_down: AtomicBool,
    /// The next request panics.
    panics: AtomicBool,
    /// How many jobs each enqueueing had.
    batches: Mutex<Vec<usize>>,
    /// How many changes were begun.
    asked: AtomicUsize,
    /// Changes wait for a permit of this one, where there is one.
    gate: Mutex<Option<Arc<Semaphore>>>,
    changes: Mutex<Vec<(Vec<JobId>, Change)>>,
}

/// A client of such a store, in memory, on a clock that is moved by hand.
pub(crate) fn client() -> (Client, Arc<Recording>, ManualClock) {
    let clock = ManualClock::default();
    let store = Arc::new(Recording {
        inner: Arc::new(MemoryStore::builder().clock(clock.clone()).build()),
        is_down: AtomicBool::new(false),
        panics: AtomicBool::new(false),
        batches: Mutex::default(),
        asked: AtomicUsize::new(0),
        gate: Mutex::default(),
        changes: Mutex::default(),
    });
    (Client::new(Arc::clone(&store) as Arc<dyn Store>), store, clock)
}

impl Recording {
    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    pub(crate) fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Lets changes wait for permits.
    pub(crate) fn hold_changes(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    pub(crate) fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }

    /// The changes so far, each with how many jobs it was of.
    pub(crate) fn changes(&self) -> Vec<(usize, Change)> {
        self.changes.lock().unwrap().iter().map(|(ids, change)| (ids.len(), change.clone())).collect()
    }

    fn check(&self) -> Result<(), Error> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "the store is broken");
        let is_down = self.is_down.load(Ordering::SeqCst);
        if is_down { Err(Error::storage("the store is down", "by order")) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Recording {
    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        self.check()?;
        self.batches.lock().unwrap().push(jobs.len());
        self.inner.enqueue(jobs).await
    }

    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let answer = self.inner.change(ids.clone(), change.clone()).await;
        self.changes.lock().unwrap().push((ids, change));
        answer
    }

    async fn join(&self, worker: Joining) -> Result<(), Error> {
        self.inner.join(worker).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), Error> {
        self.inner.leave(worker).await
    }

    fn lend(&self, slots: Slots) {
        self.inner.lend(slots);
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, Error> {
        self.inner.claim(claim).await
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Heartbeat, Error> {
        self.inner.heartbeat(worker).await
    }

    async fn progress(&self, updates: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error> {
        self.inner.progress(updates).await
    }

    async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Verdict>, Error> {
        self.inner.finish(finishes).await
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, Error> {
        self.inner.promote(limit).await
    }

    async fn rescue(&self, limit: usize) -> Result<Vec<Rescued>, Error> {
        self.inner.rescue(limit).await
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        self.inner.jobs(ids).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.inner.list(filter, page).await
    }

    async fn stats(&self) -> Result<Stats, Error> {
        self.inner.stats().await
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<(), Error> {
        self.inner.pause(queue, paused).await
    }

    async fn purge(&self, purge: Purge) -> Result<usize, Error> {
        self.inner.purge(purge).await
    }

    fn listen(&self) -> Events {
        self.inner.listen()
    }

    fn operate(&self) -> &dyn Operate {
        self.inner.operate()
    }

    async fn close(&self) -> Result<(), Error> {
        self.inner.close().await
    }
}
