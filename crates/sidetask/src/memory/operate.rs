use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Activity, AttemptLog, JobId, JobRecord, State, Timestamp, WorkerId, WorkerRecord};

use super::inner::{Inner, Place, Queue, Stored, Worker};

impl Inner {
    pub(super) fn known_workers(&self) -> Vec<WorkerRecord> {
        let record = |(id, worker): (&WorkerId, &Worker)| WorkerRecord {
            id: *id,
            name: worker.name.clone(),
            started_at: worker.started_at,
            lease_until: worker.expires_at,
            running: worker.running.len() as u64,
        };
        let mut workers: Vec<WorkerRecord> = self.workers.iter().map(record).collect();
        workers.sort_by_key(|worker| (worker.started_at, worker.id));
        workers
    }

    pub(super) fn logs(&self, job: JobId) -> Vec<AttemptLog> {
        self.jobs.get(&job).map(|stored| stored.logs.clone()).unwrap_or_default()
    }

    pub(super) fn activity_since(&self, since: Timestamp) -> Vec<Activity> {
        let first = (Activity::minute_of(since), String::new());
        self.activity.range(first..).map(|(_, activity)| activity.clone()).collect()
    }

    pub(super) fn oldest_due(&self) -> Vec<(String, Timestamp)> {
        let oldest = |queue: &Queue| queue.available.values().filter_map(earliest).min();
        self.queues.iter().filter_map(|(name, queue)| Some((name.clone(), oldest(queue)?))).collect()
    }

    /// Counts the end of a running attempt, which is not written yet.
    pub(super) fn count_end(&mut self, id: JobId, outcome: &Outcome, state: State, now: Timestamp) {
        let Some(Stored { job, .. }) = self.jobs.get(&id) else { return };
        let mut ended = Activity::empty(now, job.queue.clone());
        ended.count(outcome, state, job.run_at, job.attempted_at.unwrap_or(now), now);
        if ended.is_empty() {
            return;
        }
        match self.activity.entry((ended.minute, ended.queue.clone())) {
            Entry::Occupied(mut minute) => minute.get_mut().add(&ended),
            Entry::Vacant(minute) => _ = minute.insert(ended),
        }
    }

    pub(super) fn forget_old_activity(&mut self) {
        let kept = (Activity::minute_of(self.now().before(Activity::KEPT)), String::new());
        self.activity = self.activity.split_off(&kept);
    }
}

/// When the one of these was due that was due first. They are in the order of their priorities, so that only the first of
/// each is looked at.
fn earliest(places: &BTreeSet<Place>) -> Option<Timestamp> {
    let mut earliest = None;
    let mut head = places.first();
    while let Some(&(priority, due, ..)) = head {
        earliest = Some(earliest.map_or(due, |earliest| due.min(earliest)));
        let Some(next) = priority.checked_add(1) else { break };
        head = places.range((next, Timestamp::from_micros(i64::MIN), 0, JobId::NIL)..).next();
    }
    earliest
}

impl Stored {
    /// Keeps what an attempt has logged, in place of what was kept of it.
    pub(super) fn keep_log(&mut self, attempt: u32, log: Option<&str>) {
        let Some(log) = log else { return };
        let is_kept = |before: u32| before < attempt && attempt - before < JobRecord::MAX_ERRORS as u32;
        self.logs.retain(|log| is_kept(log.attempt));
        self.logs.push(AttemptLog { attempt, text: AttemptLog::cut(log).to_owned() });
    }
}
