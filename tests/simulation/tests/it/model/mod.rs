//! What a store must keep and answer: pure code of its own, which asks neither a store nor `lifecycle`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sidetask::core::Token;
use sidetask::core::lifecycle::Outcome;
use sidetask::{JobId, JobRecord, State, Timestamp, WorkerId};

mod manage;
mod work;

/// The rule that was broken, in words.
pub(crate) type Broken = String;

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) jobs: BTreeMap<JobId, Job>,
    keys: BTreeMap<(String, String), JobId>,
    workers: BTreeMap<WorkerId, Lease>,
    paused: BTreeSet<String>,
    stored: u64,
    pub(crate) purged: BTreeSet<JobId>,
}

#[derive(Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) length: Duration,
    expires_at: Timestamp,
}

pub(crate) struct Job {
    kind: String,
    pub(crate) queue: String,
    key: Option<String>,
    /// Its arguments: the number of its plan.
    pub(crate) plan: usize,
    priority: i16,
    /// Counts the stored jobs.
    number: u64,
    pub(crate) state: State,
    attempt: u32,
    max_attempts: u32,
    pub(crate) run_at: Timestamp,
    /// Whether it was asked to stop.
    pub(crate) stop: bool,
    output: Option<String>,
    ended_at: Option<Timestamp>,
    /// Its claims; the fence counts them.
    claims: Vec<Holding>,
}

/// One claim of a job.
#[derive(Clone, Copy)]
struct Holding {
    worker: WorkerId,
    attempt: u32,
    fate: Fate,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Held,
    Reported,
    Expired,
    GivenBack,
}

impl Model {
    /// What became of the claim that a token proves; `None` where there was none such.
    pub(crate) fn fate(&self, token: Token) -> Option<Fate> {
        let claim = self.jobs.get(&token.job)?.claims.get(usize::try_from(token.fence).ok()?.checked_sub(1)?)?;
        (claim.worker == token.worker && claim.attempt == token.attempt).then_some(claim.fate)
    }

    /// Whether nothing is left to do until `horizon`.
    pub(crate) fn restless(&self, horizon: Timestamp) -> Option<(JobId, &Job)> {
        let rests = |job: &Job| match job.state {
            State::Available => self.paused.contains(&job.queue),
            State::Scheduled | State::Retryable => job.run_at > horizon,
            state => state.is_final(),
        };
        self.jobs.iter().find(|(_, job)| !rests(job)).map(|(id, job)| (*id, job))
    }

    /// The jobs that one of these workers holds.
    pub(crate) fn held_by(&self, workers: &BTreeSet<WorkerId>) -> Vec<JobId> {
        let is_held = |job: &Job| job.holder().is_some_and(|holder| workers.contains(&holder));
        self.jobs.iter().filter(|(_, job)| is_held(job)).map(|(id, _)| *id).collect()
    }

    pub(crate) fn count(&self, queue: &str, state: State) -> u64 {
        self.jobs.values().filter(|job| job.queue == queue && job.state == state).count() as u64
    }

    pub(crate) fn is_paused(&self, queue: &str) -> bool {
        self.paused.contains(queue)
    }

    /// Compares what the store keeps of a job.
    pub(crate) fn check(&self, id: JobId, record: Option<&JobRecord>) -> Result<(), Broken> {
        match (self.jobs.get(&id), record) {
            (Some(job), Some(record)) => job.check(record),
            (Some(job), None) => Err(format!("job {} is lost", job.number)),
            (None, Some(_)) => Err("a job that was never stored, or was purged, is there".to_owned()),
            (None, None) => Ok(()),
        }
    }
}

impl Job {
    /// The worker that runs it.
    fn holder(&self) -> Option<WorkerId> {
        self.claims.last().filter(|claim| claim.fate == Fate::Held).map(|claim| claim.worker)
    }

    fn fence(&self) -> u64 {
        self.claims.len() as u64
    }

    fn is_held_with(&self, token: Token) -> bool {
        let claim = self.claims.last().filter(|_| token.fence == self.fence());
        claim
            .is_some_and(|held| held.fate == Fate::Held && held.worker == token.worker && held.attempt == token.attempt)
    }

    /// Smaller is claimed first.
    fn rank(&self) -> (i16, Timestamp, u64) {
        (self.priority, self.run_at, self.number)
    }

    fn begin(&mut self, worker: WorkerId) {
        self.state = State::Running;
        self.attempt += 1;
        self.claims.push(Holding { worker, attempt: self.attempt, fate: Fate::Held });
    }

    fn end(&mut self, outcome: &Outcome, retry_in: Duration, fate: Fate, now: Timestamp) {
        let may_retry = self.attempt < self.max_attempts;
        let again = |state, wait: Duration| (if wait.is_zero() { State::Available } else { state }, Some(wait));
        let (state, wait) = match outcome {
            _ if self.stop => (State::Cancelled, None),
            Outcome::Completed(output) => {
                self.output = Some(output.as_str().to_owned());
                (State::Completed, None)
            }
            Outcome::Cancelled(_) => (State::Cancelled, None),
            Outcome::Snoozed(wait) | Outcome::Released(wait) => {
                self.attempt -= 1;
                again(State::Scheduled, *wait)
            }
            Outcome::Failed(_) if may_retry => again(State::Retryable, retry_in),
            Outcome::RetryAfter(wait, _) if may_retry => again(State::Retryable, *wait),
            Outcome::Expired if may_retry => again(State::Retryable, Duration::ZERO),
            _ => (State::Discarded, None),
        };
        self.state = state;
        match wait {
            Some(wait) => self.run_at = now.after(wait),
            None => self.ended_at = Some(now),
        }
        if let Some(claim) = self.claims.last_mut() {
            claim.fate = fate;
        }
    }

    fn check(&self, record: &JobRecord) -> Result<(), Broken> {
        let number = self.number;
        let output = record.output.as_ref().map(sidetask::Json::as_str);
        let model = (self.state, self.attempt, self.max_attempts, self.run_at, self.stop, self.holder(), self.ended_at);
        let (state, attempt, max_attempts, worker) = (record.state, record.attempt, record.max_attempts, record.worker);
        let asked = record.cancel_requested;
        let store = (state, attempt, max_attempts, record.run_at, asked, worker, record.finished_at);
        if model != store {
            return Err(format!("job {number} must be {model:?}, and the store has {store:?}"));
        }
        if self.output.as_deref() != output {
            return Err(format!("job {number} must have the output {:?}, and the store has {output:?}", self.output));
        }
        if record.attempt > record.max_attempts {
            return Err(format!("job {number} used {} attempts of {}", record.attempt, record.max_attempts));
        }
        Ok(())
    }
}
