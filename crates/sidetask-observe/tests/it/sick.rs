//! A store that hangs or fails when it is told to.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use sidetask::core::{
    Change, Claim, Claimed, Enqueued, Events, Finish, Heartbeat, Joining, Listed, NewJob, Operate, ProgressUpdate,
    Promoted, Purge, Rescued, Slots, Store, Verdict, WorkerId,
};
use sidetask::{Clock, Error, Filter, JobId, JobRecord, MemoryStore, Page, State, Stats};
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Sick {
    inner: MemoryStore,
    pub(crate) health: watch::Sender<Health>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Well,
    Hangs,
    Fails,
    /// It knows no worker.
    Forgetful,
}

impl Sick {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: MemoryStore::new(), health: watch::Sender::new(Health::Well) })
    }

    async fn check(&self) -> Result<(), Error> {
        let health = *self.health.borrow();
        match health {
            Health::Hangs => pending().await,
            Health::Fails => Err(Error::storage("the store at postgres://ada:secret@db is down", "by order")),
            Health::Well | Health::Forgetful => Ok(()),
        }
    }

    async fn remember(&self) -> Result<(), Error> {
        self.check().await?;
        let is_forgetful = *self.health.borrow() == Health::Forgetful;
        if is_forgetful { Err(Error::lease_lost("the worker")) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Sick {
    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        self.check().await?;
        self.inner.enqueue(jobs).await
    }

    async fn join(&self, worker: Joining) -> Result<(), Error> {
        self.remember().await?;
        self.inner.join(worker).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), Error> {
        self.inner.leave(worker).await
    }

    fn lend(&self, slots: Slots) {
        self.inner.lend(slots);
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, Error> {
        self.remember().await?;
        self.inner.claim(claim).await
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Heartbeat, Error> {
        self.remember().await?;
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

    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error> {
        self.inner.change(ids, change).await
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        self.inner.jobs(ids).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.inner.list(filter, page).await
    }

    async fn stats(&self) -> Result<Stats, Error> {
        self.check().await?;
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
