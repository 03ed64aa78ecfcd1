//! What people ask for.

use sidetask::core::{Change, NewJob, Purge};
use sidetask::{Enqueued, JobId, JobRecord, State, Timestamp, When};

use super::work::same;
use super::{Broken, Job, Model};

impl Model {
    /// One new job, with the store's answer and what it has of the job since.
    pub(crate) fn enqueue(
        &mut self,
        new: &NewJob,
        answer: Enqueued,
        record: Option<&JobRecord>,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let by_key = || self.keys.get(&(new.kind.to_string(), new.key.clone()?)).copied();
        if let Some(id) = new.id.filter(|id| self.jobs.contains_key(id)).or_else(by_key) {
            return same("a job that is there is answered", &Enqueued { id, existed: true }, &answer);
        }
        let id = new.id.unwrap_or(answer.id);
        same("a new job is stored, under the id that it was given", &Enqueued { id, existed: false }, &answer)?;
        if self.jobs.contains_key(&id) {
            return Err(format!("the id {id} is another job's"));
        }
        let run_at = match new.when {
            When::Now => now,
            When::After(wait) => now.after(wait),
            when => return Err(format!("the model does not know {when:?}")),
        };
        self.stored += 1;
        let mut job = Job {
            kind: new.kind.to_string(),
            queue: new.queue.to_string(),
            key: new.key.clone(),
            plan: new.args.decode().map_err(|error| error.to_string())?,
            priority: new.priority,
            number: self.stored,
            state: if run_at > now { State::Scheduled } else { State::Available },
            attempt: 0,
            max_attempts: new.max_attempts,
            run_at,
            stop: false,
            output: None,
            ended_at: None,
            claims: Vec::new(),
        };
        if let Some(worker) = record.and_then(|record| record.worker) {
            self.may_hand_off(&job, worker, now)?;
            job.begin(worker);
        }
        if let Some(key) = &new.key {
            self.keys.insert((job.kind.clone(), key.clone()), id);
        }
        self.jobs.insert(id, job);
        Ok(())
    }

    fn may_hand_off(&self, job: &Job, worker: sidetask::WorkerId, now: Timestamp) -> Result<(), Broken> {
        let is_known = self.workers.get(&worker).is_some_and(|lease| lease.expires_at > now);
        let is_idle = !self.paused.contains(&job.queue) && self.count(&job.queue, State::Available) == 0;
        if job.state == State::Available && is_known && is_idle {
            return Ok(());
        }
        Err(format!("a {} job was handed to a worker (lives: {is_known}) of a queue (idle: {is_idle})", job.state))
    }

    pub(crate) fn change(
        &mut self,
        id: JobId,
        change: &Change,
        answer: Option<State>,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let due = match (self.jobs.get_mut(&id), change) {
            (Some(job), Change::Delete { only_ended })
                if job.state.is_final() || (job.state != State::Running && !only_ended) =>
            {
                let state = job.state;
                self.forget(id);
                Some(state)
            }
            (Some(job), change) => job.change(change, now)?,
            (None, _) => None,
        };
        same("a change by hand answers the state", &due, &answer)
    }

    /// Takes out a job that is deleted or purged.
    fn forget(&mut self, id: JobId) {
        self.purged.insert(id);
        if let Some(Job { kind, key: Some(key), .. }) = self.jobs.remove(&id) {
            self.keys.remove(&(kind, key));
        }
    }

    pub(crate) fn pause(&mut self, queue: &str, paused: bool) {
        if paused {
            self.paused.insert(queue.to_owned());
        } else {
            self.paused.remove(queue);
        }
    }

    pub(crate) fn purge(&mut self, purge: Purge, answer: usize, now: Timestamp) -> Result<(), Broken> {
        let before = now.before(purge.older_than);
        let is_old = |job: &Job| job.state == purge.state && job.ended_at.is_some_and(|ended_at| ended_at <= before);
        let gone: Vec<JobId> = self.jobs.iter().filter(|(_, job)| is_old(job)).map(|(id, _)| *id).collect();
        for id in &gone {
            self.forget(*id);
        }
        same("a purge deletes the jobs that ended long enough ago", &gone.len(), &answer)
    }
}

impl Job {
    /// Answers the state that is to follow; `None` where the change is refused.
    fn change(&mut self, change: &Change, now: Timestamp) -> Result<Option<State>, Broken> {
        match change {
            Change::Cancel => self.cancel(now),
            Change::Retry => self.retry(now),
            Change::Reschedule(_) if self.state != State::Scheduled => {}
            Change::Reschedule(wait) => {
                self.run_at = now.after(*wait);
                if wait.is_zero() {
                    self.state = State::Available;
                }
            }
            // It runs, or has not ended.
            Change::Delete { .. } => {}
            Change::Rewrite { fence, from, .. }
                if self.state == State::Running || self.fence() != *fence || from.decode().ok() != Some(self.plan) =>
            {
                return Ok(None);
            }
            Change::Rewrite { args, .. } => {
                self.plan = args.decode().map_err(|error| error.to_string())?;
                self.retry(now);
            }
        }
        Ok(Some(self.state))
    }

    fn cancel(&mut self, now: Timestamp) {
        match self.state {
            State::Running => self.stop = true,
            state if state.is_final() => {}
            _ => {
                self.state = State::Cancelled;
                self.ended_at = Some(now);
            }
        }
    }

    fn retry(&mut self, now: Timestamp) {
        if matches!(self.state, State::Available | State::Running) {
            return;
        }
        self.max_attempts = self.max_attempts.max(self.attempt + 1);
        self.state = State::Available;
        self.run_at = now;
        self.ended_at = None;
        self.stop = false;
    }
}
