use std::collections::BTreeSet;
use std::time::Duration;

use sidetask_core::lifecycle::{self, Outcome, Policy, Standing};
use sidetask_core::{
    AttemptError, Claim, Claimed, Error, Event, Finish, Heartbeat, JobId, Joining, Kinds, ProgressUpdate, Promoted,
    Rescued, State, Verdict, WorkerId,
};

use super::inner::{Inner, Worker};

impl Inner {
    pub(super) fn join(&mut self, joining: &Joining) {
        let now = self.now();
        let expires_at = now.after(joining.lease);
        // A worker that is known, or whose jobs nobody has rescued yet, keeps what it holds.
        let is_its_own = |id: &JobId| self.jobs.get(id).is_some_and(|held| held.job.worker == Some(joining.worker));
        let mut running: BTreeSet<JobId> = self.orphans.extract_if(.., is_its_own).collect();
        let before = self.workers.remove(&joining.worker);
        let started_at = before.as_ref().map_or(now, |before| before.started_at);
        running.extend(before.into_iter().flat_map(|before| before.running));
        let (name, lease) = (joining.name.clone(), joining.lease);
        self.workers.insert(joining.worker, Worker { name, started_at, lease, expires_at, running });
    }

    pub(super) fn leave(&mut self, worker: WorkerId) {
        for id in self.forget(worker) {
            self.end_attempt(id, Outcome::Released(Duration::ZERO), Duration::ZERO);
        }
    }

    pub(super) fn heartbeat(&mut self, id: WorkerId) -> Result<Heartbeat, Error> {
        let now = self.now();
        let worker = self.workers.get_mut(&id).ok_or_else(|| Error::lease_lost(format_args!("worker {id}")))?;
        worker.expires_at = now.after(worker.lease);
        let asked = |id: &&JobId| self.jobs.get(id).is_some_and(|stored| stored.job.cancel_requested);
        Ok(Heartbeat { cancelled: worker.running.iter().filter(asked).copied().collect() })
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> Result<Vec<Claimed>, Error> {
        let Claim { worker, kinds, wants } = claim;
        if !self.workers.contains_key(worker) {
            return Err(Error::lease_lost(format_args!("worker {worker}")));
        }
        let now = self.now();
        let mut claimed = Vec::new();
        for want in wants {
            for _ in 0..want.limit {
                let Some(id) = self.first_available(&want.queue, kinds) else { break };
                let Some(job) = self.change(id, |stored| stored.start(*worker, now)) else { break };
                self.detail(|| Event::Claimed { token: job.token });
                claimed.push(job);
            }
        }
        Ok(claimed)
    }

    fn first_available(&self, queue: &str, kinds: &Kinds) -> Option<JobId> {
        let queue = self.queues.get(queue).filter(|queue| !queue.paused)?;
        let known = queue.available.iter().filter(|(kind, _)| kinds.contains(kind));
        known.filter_map(|(_, places)| places.first()).min().map(|&(.., id)| id)
    }

    pub(super) fn progress(&mut self, update: ProgressUpdate) -> Verdict {
        let ProgressUpdate { token, progress, log } = update;
        match self.jobs.get_mut(&token.job) {
            Some(stored) if stored.is_held_with(token) => {
                stored.job.progress = progress.or(stored.job.progress.take());
                stored.keep_log(token.attempt, log.as_deref());
            }
            _ => return Verdict::LeaseLost,
        }
        self.note(Event::Progress { id: token.job });
        Verdict::Accepted(State::Running)
    }

    pub(super) fn finish(&mut self, finish: Finish) -> Verdict {
        let Finish { token, outcome, retry_in, log } = finish;
        match self.jobs.get_mut(&token.job) {
            Some(stored) if stored.is_held_with(token) => stored.keep_log(token.attempt, log.as_deref()),
            _ => return Verdict::LeaseLost,
        }
        self.end_attempt(token.job, outcome, retry_in).map_or(Verdict::LeaseLost, Verdict::Accepted)
    }

    pub(super) fn promote(&mut self, limit: usize) -> Promoted {
        let now = self.now();
        let mut moved = 0;
        while let Some(&(run_at, id)) = self.waiting.first() {
            if run_at > now || moved == limit {
                return Promoted { moved, next_in: Some(run_at.since(now)) };
            }
            self.change(id, |stored| stored.job.state = State::Available);
            moved += 1;
        }
        Promoted { moved, next_in: None }
    }

    pub(super) fn rescue(&mut self, limit: usize) -> Vec<Rescued> {
        let now = self.now();
        let expired = self.workers.iter().filter(|(_, worker)| worker.expires_at <= now);
        for worker in expired.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.forget(worker);
        }
        let orphans: Vec<JobId> = self.orphans.iter().take(limit).copied().collect();
        let rescue = |id| {
            let worker = self.jobs.get(&id)?.job.worker;
            let state = self.end_attempt(id, Outcome::Expired, Duration::ZERO)?;
            self.detail(|| Event::Rescued { id, state, worker });
            Some(Rescued { id, state, worker })
        };
        orphans.into_iter().filter_map(rescue).collect()
    }

    /// Makes a worker unknown, and answers the jobs that it leaves behind.
    fn forget(&mut self, worker: WorkerId) -> Vec<JobId> {
        self.lenders.retain(|slots| slots.worker() != worker);
        let running = self.workers.remove(&worker).map(|worker| worker.running).unwrap_or_default();
        self.orphans.extend(&running);
        running.into_iter().collect()
    }

    /// Writes what follows from the outcome, and answers the new state; `None` where the job does not run.
    fn end_attempt(&mut self, id: JobId, outcome: Outcome, retry_in: Duration) -> Option<State> {
        let now = self.now();
        let job = &self.jobs.get(&id)?.job;
        let standing = Standing { state: job.state, attempt: job.attempt, cancel_requested: job.cancel_requested };
        let policy = Policy { max_attempts: job.max_attempts, retry_in };
        let next = lifecycle::next(standing, &outcome, policy, now)?;
        self.count_end(id, &outcome, next.state, now);
        if !next.state.is_final() && outcome != Outcome::Expired {
            self.detail(|| Event::Returned { id, state: next.state });
        }
        self.change(id, |stored| {
            let job = &mut stored.job;
            if let Some(message) = outcome.error() {
                AttemptError::new(job.attempt, now, message).push(&mut job.errors);
            }
            if let (Outcome::Completed(output), true) = (outcome, next.keeps_output) {
                job.output = Some(output);
            }
            job.state = next.state;
            job.attempt = next.attempt;
            job.run_at = next.run_at.unwrap_or(job.run_at);
            job.finished_at = next.state.is_final().then_some(now);
            job.worker = None;
            job.state
        })
    }
}
