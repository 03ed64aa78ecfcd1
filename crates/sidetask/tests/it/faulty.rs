//! A store that fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sidetask::core::{
    Change, Claim, Claimed, Enqueued, Events, Finish, Heartbeat, Joining, Listed, NewJob, Operate, ProgressUpdate,
    Promoted, Publisher, Purge, Rescued, Slots, Store, Verdict, WorkerId,
};
use sidetask::{Clock, Error, Filter, JobId, JobRecord, Page, State, Stats};

#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: Arc<dyn Store>,
    /// Every request fails.
    pub(crate) is_down: AtomicBool,
    /// Reports of ended attempts fail.
    pub(crate) finishes_fail: AtomicBool,
    /// Heartbeats fail.
    pub(crate) is_unheard: AtomicBool,
    /// Jobs are stored, and those who asked for it hear that they were not.
    pub(crate) enqueues_go_unheard: AtomicBool,
    /// Listeners hear nothing, and slots are not used.
    pub(crate) is_silent: AtomicBool,
    /// Changes by hand wait until this is over.
    pub(crate) changes_wait: AtomicBool,
    pub(crate) enqueues: AtomicUsize,
    pub(crate) refused_enqueues: AtomicUsize,
    pub(crate) refused_finishes: AtomicUsize,
    pub(crate) heartbeats: AtomicUsize,
    pub(crate) claims: AtomicUsize,
    pub(crate) reads: AtomicUsize,
    pub(crate) lists: AtomicUsize,
    pub(crate) changes: AtomicUsize,
    pub(crate) joins: AtomicUsize,
    pub(crate) leaves: AtomicUsize,
    pub(crate) promotions: AtomicUsize,
    pub(crate) rescues: AtomicUsize,
    silence: Publisher,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            is_down: AtomicBool::new(false),
            finishes_fail: AtomicBool::new(false),
            is_unheard: AtomicBool::new(false),
            enqueues_go_unheard: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
            changes_wait: AtomicBool::new(false),
            enqueues: AtomicUsize::new(0),
            refused_enqueues: AtomicUsize::new(0),
            refused_finishes: AtomicUsize::new(0),
            heartbeats: AtomicUsize::new(0),
            claims: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            lists: AtomicUsize::new(0),
            changes: AtomicUsize::new(0),
            joins: AtomicUsize::new(0),
            leaves: AtomicUsize::new(0),
            promotions: AtomicUsize::new(0),
            rescues: AtomicUsize::new(0),
            silence: Publisher::new(),
        }
    }

    fn check(&self) -> Result<(), Error> {
        let is_down = self.is_down.load(Ordering::SeqCst);
        if is_down { Err(Error::storage("the store is down", "by order")) } else { Ok(()) }
    }
}

pub(crate) fn count(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

pub(crate) fn set(flag: &AtomicBool, to: bool) {
    flag.store(to, Ordering::SeqCst);
}

#[async_trait]
impl Store for Faulty {
    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        self.check().inspect_err(|_| _ = self.refused_enqueues.fetch_add(1, Ordering::SeqCst))?;
        let answer = self.inner.enqueue(jobs).await;
        self.enqueues.fetch_add(1, Ordering::SeqCst);
        if self.enqueues_go_unheard.load(Ordering::SeqCst) {
            return Err(Error::storage("the answer is lost", "by order"));
        }
        answer
    }

    async fn join(&self, worker: Joining) -> Result<(), Error> {
        self.check()?;
        self.joins.fetch_add(1, Ordering::SeqCst);
        self.inner.join(worker).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), Error> {
        self.check()?;
        self.leaves.fetch_add(1, Ordering::SeqCst);
        self.inner.leave(worker).await
    }

    fn lend(&self, slots: Slots) {
        if !self.is_silent.load(Ordering::SeqCst) {
            self.inner.lend(slots);
        }
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, Error> {
        self.check()?;
        self.claims.fetch_add(1, Ordering::SeqCst);
        self.inner.claim(claim).await
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Heartbeat, Error> {
        self.check()?;
        if self.is_unheard.load(Ordering::SeqCst) {
            return Err(Error::storage("the heartbeat is lost", "by order"));
        }
        let answer = self.inner.heartbeat(worker).await;
        self.heartbeats.fetch_add(1, Ordering::SeqCst);
        answer
    }

    async fn progress(&self, updates: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error> {
        self.check()?;
        self.inner.progress(updates).await
    }

    async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Verdict>, Error> {
        if self.check().is_err() || self.finishes_fail.load(Ordering::SeqCst) {
            self.refused_finishes.fetch_add(1, Ordering::SeqCst);
            return Err(Error::storage("the report is lost", "by order"));
        }
        self.inner.finish(finishes).await
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, Error> {
        self.check()?;
        let answer = self.inner.promote(limit).await;
        self.promotions.fetch_add(1, Ordering::SeqCst);
        answer
    }

    async fn rescue(&self, limit: usize) -> Result<Vec<Rescued>, Error> {
        self.check()?;
        let answer = self.inner.rescue(limit).await;
        self.rescues.fetch_add(1, Ordering::SeqCst);
        answer
    }

    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error> {
        self.check()?;
        self.changes.fetch_add(1, Ordering::SeqCst);
        while self.changes_wait.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.inner.change(ids, change).await
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        self.check()?;
        let jobs = self.inner.jobs(ids).await;
        self.reads.fetch_add(1, Ordering::SeqCst);
        jobs
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.check()?;
        let listed = self.inner.list(filter, page).await;
        self.lists.fetch_add(1, Ordering::SeqCst);
        listed
    }

    async fn stats(&self) -> Result<Stats, Error> {
        self.check()?;
        self.inner.stats().await
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<(), Error> {
        self.check()?;
        self.inner.pause(queue, paused).await
    }

    async fn purge(&self, purge: Purge) -> Result<usize, Error> {
        self.check()?;
        self.inner.purge(purge).await
    }

    fn listen(&self) -> Events {
        if self.is_silent.load(Ordering::SeqCst) { self.silence.subscribe() } else { self.inner.listen() }
    }

    fn operate(&self) -> &dyn Operate {
        self.inner.operate()
    }

    async fn close(&self) -> Result<(), Error> {
        self.inner.close().await
    }
}
