//! The store of a test queue: one in memory, which also takes down what happens while an attempt runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sidetask_core::{
    CancelToken, Change, Claim, Claimed, Clock, Enqueued, Error, Events, Filter, Finish, Heartbeat, JobId, JobRecord,
    Joining, Listed, NewJob, Operate, Page, Progress, ProgressUpdate, Promoted, Purge, Rescued, Slots, State, Stats,
    Store, Verdict, WorkerId,
};

use super::death::Death;
use crate::MemoryStore;

#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) memory: MemoryStore,
    /// Of each job that a test queue runs at this moment.
    running: Mutex<BTreeMap<JobId, Recording>>,
}

/// What one attempt did.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) progress: Vec<Progress>,
    pub(super) enqueued: Vec<JobId>,
    cancel: CancelToken,
    death: Option<Arc<Death>>,
}

impl Recorder {
    pub(super) fn new(memory: MemoryStore) -> Self {
        Self { memory, running: Mutex::default() }
    }

    /// Takes down what happens from now on. The attempt is told by `cancel` where its job is cancelled.
    pub(super) fn begin(&self, job: JobId, cancel: CancelToken, death: Option<Arc<Death>>) {
        self.lock().insert(job, Recording { progress: Vec::new(), enqueued: Vec::new(), cancel, death });
    }

    pub(super) fn end(&self, job: JobId) -> Option<Recording> {
        self.lock().remove(&job)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, Recording>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down accepted progress, and answers who dies of it.
    fn note_progress(&self, job: JobId, progress: Progress) -> Option<Arc<Death>> {
        let mut running = self.lock();
        let recording = running.get_mut(&job)?;
        recording.progress.push(progress);
        recording.death.clone().filter(|death| death.comes_at(recording.progress.len()))
    }
}

#[async_trait]
impl Store for Recorder {
    fn clock(&self) -> Arc<dyn Clock> {
        self.memory.clock()
    }

    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        let enqueued = self.memory.enqueue(jobs).await?;
        let new = || enqueued.iter().filter(|enqueued| !enqueued.existed).map(|enqueued| enqueued.id);
        self.lock().values_mut().for_each(|recording| recording.enqueued.extend(new()));
        Ok(enqueued)
    }

    async fn join(&self, worker: Joining) -> Result<(), Error> {
        self.memory.join(worker).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), Error> {
        self.memory.leave(worker).await
    }

    fn lend(&self, slots: Slots) {
        self.memory.lend(slots);
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, Error> {
        self.memory.claim(claim).await
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Heartbeat, Error> {
        self.memory.heartbeat(worker).await
    }

    async fn progress(&self, updates: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error> {
        let said: Vec<_> = updates.iter().map(|update| (update.token.job, update.progress.clone())).collect();
        let verdicts = self.memory.progress(updates).await?;
        for ((job, progress), verdict) in said.into_iter().zip(&verdicts) {
            let (Some(progress), Verdict::Accepted(_)) = (progress, verdict) else { continue };
            if let Some(death) = self.note_progress(job, progress) {
                death.come().await?;
            }
        }
        Ok(verdicts)
    }

    async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Verdict>, Error> {
        self.memory.finish(finishes).await
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, Error> {
        self.memory.promote(limit).await
    }

    async fn rescue(&self, limit: usize) -> Result<Vec<Rescued>, Error> {
        self.memory.rescue(limit).await
    }

    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error> {
        let cancelled = if change == Change::Cancel { ids.clone() } else { Vec::new() };
        let states = self.memory.change(ids, change).await?;
        // A worker would hear of it by an event or with its next heartbeat.
        let running = self.lock();
        for recording in cancelled.iter().filter_map(|job| running.get(job)) {
            recording.cancel.cancel();
        }
        Ok(states)
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        self.memory.jobs(ids).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.memory.list(filter, page).await
    }

    async fn stats(&self) -> Result<Stats, Error> {
        self.memory.stats().await
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<(), Error> {
        self.memory.pause(queue, paused).await
    }

    async fn purge(&self, purge: Purge) -> Result<usize, Error> {
        self.memory.purge(purge).await
    }

    fn listen(&self) -> Events {
        self.memory.listen()
    }

    fn operate(&self) -> &dyn Operate {
        self.memory.operate()
    }

    async fn close(&self) -> Result<(), Error> {
        self.memory.close().await
    }
}
