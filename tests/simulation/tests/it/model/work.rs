//! What workers ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sidetask::core::lifecycle::Outcome;
use sidetask::core::{Claim, Claimed, Finish, Heartbeat, Joining, Promoted, Rescued, Token, Verdict};
use sidetask::{Error, JobId, State, Timestamp, WorkerId};

use super::{Broken, Fate, Job, Lease, Model};

impl Model {
    pub(crate) fn join(&mut self, joining: &Joining, now: Timestamp) {
        let lease = Lease { length: joining.lease, expires_at: now.after(joining.lease) };
        self.workers.insert(joining.worker, lease);
    }

    pub(crate) fn leave(&mut self, worker: WorkerId, now: Timestamp) -> Vec<JobId> {
        self.workers.remove(&worker);
        let held = self.held_by(&BTreeSet::from([worker]));
        for id in &held {
            if let Some(job) = self.jobs.get_mut(id) {
                job.end(&Outcome::Released(Duration::ZERO), Duration::ZERO, Fate::GivenBack, now);
            }
        }
        held
    }

    pub(crate) fn heartbeat(
        &mut self,
        worker: WorkerId,
        answer: &Result<Heartbeat, Error>,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let asked: Vec<JobId> =
            self.held_by(&BTreeSet::from([worker])).into_iter().filter(|id| self.jobs[id].stop).collect();
        match (self.workers.get_mut(&worker), answer) {
            (Some(lease), Ok(heard)) => {
                lease.expires_at = now.after(lease.length);
                same("a heartbeat names the jobs that were asked to stop", &asked, &heard.cancelled)
            }
            (None, Err(error)) if error.is_lease_lost() => Ok(()),
            (known, answer) => {
                Err(format!("a heartbeat of a worker (known: {}) was answered {answer:?}", known.is_some()))
            }
        }
    }

    pub(crate) fn claim(&mut self, claim: &Claim, answer: &Result<Vec<Claimed>, Error>) -> Result<(), Broken> {
        let claimed = match (self.workers.contains_key(&claim.worker), answer) {
            (true, Ok(claimed)) => claimed,
            (false, Err(error)) if error.is_lease_lost() => return Ok(()),
            (known, answer) => return Err(format!("a claim of a worker (known: {known}) was answered {answer:?}")),
        };
        let mut left: BTreeMap<&str, usize> = claim.wants.iter().map(|want| (&*want.queue, want.limit)).collect();
        for Claimed { token, queue, .. } in claimed {
            let left =
                left.get_mut(&**queue).filter(|left| **left > 0).ok_or("a claim gave more than was asked for")?;
            *left -= 1;
            if self.first(queue, claim) != Some(token.job) {
                return Err(format!("{} was claimed where it was not its turn, or held by another", token.job));
            }
            let Some(job) = self.jobs.get_mut(&token.job) else { continue };
            job.begin(claim.worker);
            let due = Token { job: token.job, attempt: job.attempt, fence: job.fence(), worker: claim.worker };
            same("a claim uses one attempt and one fence", &due, token)?;
        }
        match left.into_iter().find(|&(queue, left)| left > 0 && self.first(queue, claim).is_some()) {
            Some((queue, _)) => Err(format!("a claim left jobs of {queue} that it could have given")),
            None => Ok(()),
        }
    }

    /// The job of a queue whose turn it is.
    fn first(&self, queue: &str, claim: &Claim) -> Option<JobId> {
        let waits = |job: &Job| {
            job.state == State::Available
                && job.queue == queue
                && !self.paused.contains(queue)
                && claim.kinds.contains(&job.kind)
        };
        self.jobs.iter().filter(|(_, job)| waits(job)).min_by_key(|(_, job)| job.rank()).map(|(id, _)| *id)
    }

    pub(crate) fn progress(&self, token: Token, verdict: Verdict) -> Result<(), Broken> {
        let is_held = self.jobs.get(&token.job).is_some_and(|job| job.is_held_with(token));
        let due = if is_held { Verdict::Accepted(State::Running) } else { Verdict::LeaseLost };
        same("progress counts while its token is held", &due, &verdict)
    }

    pub(crate) fn finish(&mut self, finish: &Finish, verdict: Verdict, now: Timestamp) -> Result<(), Broken> {
        let Finish { token, outcome, retry_in, log: _ } = finish;
        let due = match self.jobs.get_mut(&token.job).filter(|job| job.is_held_with(*token)) {
            Some(job) => {
                job.end(outcome, *retry_in, Fate::Reported, now);
                Verdict::Accepted(job.state)
            }
            None => Verdict::LeaseLost,
        };
        same("a report counts once, under the token that is held", &due, &verdict)
    }

    pub(crate) fn promote(&mut self, limit: usize, answer: &Promoted, now: Timestamp) -> Result<Vec<JobId>, Broken> {
        let waits = |job: &Job| matches!(job.state, State::Scheduled | State::Retryable);
        let mut waiting: Vec<(Timestamp, JobId)> =
            self.jobs.iter().filter(|(_, job)| waits(job)).map(|(id, job)| (job.run_at, *id)).collect();
        waiting.sort_unstable();
        let due: Vec<JobId> =
            waiting.iter().take_while(|(run_at, _)| *run_at <= now).take(limit).map(|(_, id)| *id).collect();
        for id in &due {
            if let Some(job) = self.jobs.get_mut(id) {
                job.state = State::Available;
            }
        }
        let next_in = waiting.get(due.len()).map(|(run_at, _)| run_at.since(now));
        same(
            "promotion moves what is due, and says when to come again",
            &Promoted { moved: due.len(), next_in },
            answer,
        )?;
        Ok(due)
    }

    /// Answers the workers that are forgotten by it.
    pub(crate) fn rescue(
        &mut self,
        limit: usize,
        answer: &[Rescued],
        now: Timestamp,
    ) -> Result<Vec<(WorkerId, Lease)>, Broken> {
        let forgotten: Vec<(WorkerId, Lease)> =
            self.workers.extract_if(.., |_, lease| lease.expires_at <= now).collect();
        let is_lost = |job: &Job| job.holder().is_some_and(|worker| !self.workers.contains_key(&worker));
        let mut due = Vec::new();
        for (id, job) in self.jobs.iter_mut().filter(|(_, job)| is_lost(job)).take(limit) {
            let worker = job.holder();
            job.end(&Outcome::Expired, Duration::ZERO, Fate::Expired, now);
            due.push(Rescued { id: *id, state: job.state, worker });
        }
        same("a rescue takes back exactly what expired", due.as_slice(), answer)?;
        Ok(forgotten)
    }
}

pub(super) fn same<T: PartialEq + std::fmt::Debug + ?Sized>(rule: &str, due: &T, answer: &T) -> Result<(), Broken> {
    if due == answer { Ok(()) } else { Err(format!("{rule}: due was {due:?}, and the store said {answer:?}")) }
}
