//! One job at a time, for whoever runs them by hand: feature `testing`.

use sidetask_core::{Claimed, Error, JobId, JobRecord, Kinds, State, Timestamp, WorkerId};

use super::MemoryStore;
use super::inner::Stored;

impl MemoryStore {
    /// All jobs, in the order in which they were stored.
    pub(crate) fn all(&self) -> Vec<JobRecord> {
        let inner = self.lock();
        let mut stored: Vec<&Stored> = inner.jobs.values().collect();
        stored.sort_unstable_by_key(|stored| stored.number);
        stored.into_iter().map(|stored| stored.job.clone()).collect()
    }

    /// The job that is to run first among those of all queues that are not paused.
    pub(crate) fn first(&self, kinds: &Kinds) -> Option<JobId> {
        let inner = self.lock();
        let queues = inner.queues.values().filter(|queue| !queue.paused);
        let available = queues.flat_map(|queue| &queue.available).filter(|(kind, _)| kinds.contains(kind));
        available.filter_map(|(_, places)| places.first()).min().map(|&(.., id)| id)
    }

    /// When the next job is due that waits for its time.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.lock().waiting.first().map(|&(at, _)| at)
    }

    /// Gives this one job to a worker, whatever it waits for: its time, its queue, its lane. It counts as the attempt of
    /// this number, or as the next one. `None` where the job is not there, runs or has ended.
    pub(crate) fn begin(&self, id: JobId, worker: WorkerId, attempt: Option<u32>) -> Result<Option<Claimed>, Error> {
        self.opened(|inner| {
            let now = inner.now();
            let state = inner.jobs.get(&id).map(|stored| stored.job.state)?;
            if state == State::Running || state.is_final() {
                return None;
            }
            inner.change(id, |stored| {
                stored.job.held = false;
                stored.job.attempt = attempt.map_or(stored.job.attempt, |attempt| attempt.saturating_sub(1));
                stored.start(worker, now)
            })
        })
    }
}
