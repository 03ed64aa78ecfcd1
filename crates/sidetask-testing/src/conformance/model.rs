//! Everything at once: random operations, each compared with what the lifecycle and the lanes say must follow.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sidetask_core::lifecycle::{self, Cancellation, Outcome, Policy, Standing};
use sidetask_core::{
    Change, Clock, Filter, Finish, JobId, JobRecord, Json, NewJob, Page, Progress, ProgressUpdate, Purge, State,
    Timestamp, Token, Verdict, When, WorkerId,
};

use super::model_lanes::Lanes;
use super::stats::counted;
use crate::Harness;
use crate::harness::{KIND, LEASE, RETRY_IN, SECOND, in_queue, picture};

const RUNS: u64 = 200;
const STEPS: usize = 30;

/// Whatever is done in whatever order, each job stands where the lifecycle puts it, nothing else changes, a fence is
/// finished at most once, lanes let in whom they should, and the counts agree. A failure names its seed.
pub async fn follows_the_lifecycle_whatever_happens(h: Harness) {
    for seed in 0..RUNS {
        let mut run = Run::begin(&h, seed).await;
        for _ in 0..STEPS {
            run.step().await;
        }
        run.end().await;
    }
}

/// What must be true of a job after a step; what is not named here must not have changed.
pub(super) type Expected = HashMap<JobId, (State, u32)>;

struct Run<'a> {
    h: &'a Harness,
    random: fastrand::Rng,
    queue: String,
    /// Where a failed assertion happened.
    at: String,
    paused: bool,
    /// The workers that the store knows, each with the end of its lease.
    workers: BTreeMap<WorkerId, Timestamp>,
    /// Every token ever given, held or stale.
    tokens: Vec<Token>,
    fences: HashMap<JobId, u64>,
    jobs: BTreeMap<JobId, JobRecord>,
    lanes: Lanes,
}

impl<'a> Run<'a> {
    async fn begin(h: &'a Harness, seed: u64) -> Self {
        let mut run = Self {
            h,
            random: fastrand::Rng::with_seed(seed),
            queue: format!("run-{seed}"),
            at: format!("seed {seed}:"),
            paused: false,
            workers: BTreeMap::new(),
            tokens: Vec::new(),
            fences: HashMap::new(),
            jobs: BTreeMap::new(),
            lanes: Lanes::default(),
        };
        run.join().await;
        let expected = run.enqueue().await;
        run.look(expected).await;
        run
    }

    async fn step(&mut self) {
        self.h.clock.advance(Duration::from_millis(self.random.u64(0..4_000)));
        let (name, expected) = match self.random.u8(0..19) {
            0..3 => ("enqueue", self.enqueue().await),
            3..6 => ("claim", self.claim().await),
            6..9 => ("finish", self.finish().await),
            9 => ("progress", self.progress().await),
            10 => ("promote", self.promote().await),
            11 => ("rescue", self.rescue().await),
            12 => ("cancel", self.cancel().await),
            13 => ("retry", self.retry().await),
            14 => ("reschedule", self.reschedule().await),
            15 => ("pause", self.pause().await),
            16 => ("delete", self.delete().await),
            17 => ("rewrite", self.rewrite().await),
            _ => ("come and go", self.come_and_go().await),
        };
        self.at = format!("{} {name},", self.at);
        self.look(expected).await;
    }

    /// Reads everything, and compares it with what was there and what was to follow.
    async fn look(&mut self, mut expected: Expected) {
        self.lanes.follow(&self.jobs, &mut expected, self.h.clock.now());
        let at = &self.at;
        let filter = Filter::all().queue(&self.queue);
        let read = self.h.store.list(filter, Page::first(Page::MOST)).await.unwrap().jobs;
        let read: BTreeMap<JobId, JobRecord> = read.into_iter().map(|job| (job.id, job)).collect();
        assert!(self.jobs.keys().all(|id| read.contains_key(id)), "{at} a job is gone");
        for (id, job) in &read {
            match (expected.get(id), self.jobs.get(id)) {
                (Some(&follows), _) => assert_eq!((job.state, job.attempt), follows, "{at} {id}"),
                (None, Some(before)) => assert_eq!(picture(job), picture(before), "{at} {id}"),
                (None, None) => panic!("{at} {id} is back, or comes from nowhere"),
            }
            assert_eq!(job.held, self.lanes.holds(job), "{at} {job:?}");
            assert!(!job.held || job.state == State::Scheduled, "{at} {job:?}");
            assert_eq!(job.worker.is_some(), job.state == State::Running, "{at} {job:?}");
            assert_eq!(job.finished_at.is_some(), job.state.is_final(), "{at} {job:?}");
            assert!(job.attempt <= job.max_attempts, "{at} {job:?}");
            assert!(job.state != State::Completed || job.output.is_some(), "{at} {job:?}");
        }
        let stats = self.h.store.stats().await.unwrap().queue(&self.queue);
        assert_eq!(stats, counted(self.h, &self.queue).await, "{at}");
        self.jobs = read;
    }

    /// Calls everything off and deletes it, so that the next run begins with an empty store.
    async fn end(mut self) {
        let workers: Vec<WorkerId> = self.workers.keys().copied().collect();
        for worker in workers {
            self.h.store.leave(worker).await.unwrap();
        }
        // Jobs of a worker that was forgotten with others of its jobs still to be rescued.
        self.h.store.rescue(usize::MAX).await.unwrap();
        self.h.store.change(self.jobs.keys().copied().collect(), Change::Cancel).await.unwrap();
        for state in State::ALL {
            self.h.store.purge(Purge { state, older_than: Duration::ZERO, limit: usize::MAX }).await.unwrap();
        }
        self.at = format!("{} at the end", self.at);
        assert_eq!(self.h.store.stats().await.unwrap().queue(&self.queue).total(), 0, "{}", self.at);
        self.jobs.clear();
    }

    async fn enqueue(&mut self) -> Expected {
        let mut jobs = Vec::new();
        for _ in 0..self.random.usize(1..5) {
            let when = if self.random.u8(0..3) == 0 {
                When::After(Duration::from_millis(self.random.u64(1..20_000)))
            } else {
                When::Now
            };
            let key = self.random.bool().then(|| self.random.u8(0..20).to_string());
            let (priority, max_attempts) = (self.random.i16(0..3), self.random.u32(1..4));
            let key = key.map(|key| format!("{} {key}", self.queue));
            let lane = Lanes::any(&self.queue, &mut self.random);
            jobs.push(NewJob { when, key, priority, max_attempts, lane, ..in_queue(&self.queue) });
        }
        let mut keys: BTreeMap<String, Option<JobId>> =
            self.jobs.values().filter_map(|job| Some((job.key.clone()?, Some(job.id)))).collect();
        let asked = jobs.clone();
        let now = self.h.clock.now();
        let mut expected = Expected::new();
        for (job, answer) in asked.iter().zip(self.h.store.enqueue(jobs).await.unwrap()) {
            let known = job.key.as_ref().and_then(|key| keys.insert(key.clone(), Some(answer.id)).flatten());
            assert_eq!(answer.existed, known.is_some(), "{} {job:?}", self.at);
            assert!(known.is_none_or(|id| id == answer.id), "{} {job:?}", self.at);
            if known.is_none() {
                let is_held = self.lanes.enter(answer.id, job.lane.as_ref());
                expected.insert(answer.id, (lifecycle::waits(is_held, job.when.due(now).1), 0));
            }
        }
        expected
    }

    async fn claim(&mut self) -> Expected {
        let Some(worker) = self.any_worker() else { return Expected::new() };
        let limit = self.random.usize(0..5);
        let mut waiting: Vec<&JobRecord> = self.in_state(|state| state == State::Available).collect();
        waiting.sort_by_key(|job| (job.priority, job.run_at, job.id));
        waiting.truncate(if self.paused { 0 } else { limit });
        let waiting: Vec<JobId> = waiting.into_iter().map(|job| job.id).collect();

        let claimed = self.h.try_claim(worker, &[KIND], &[(&self.queue, limit)]).await.unwrap();
        assert_eq!(crate::harness::ids(&claimed), waiting, "{}", self.at);
        let mut expected = Expected::new();
        for token in claimed.into_iter().map(|claimed| claimed.token) {
            let last = self.fences.insert(token.job, token.fence).unwrap_or(0);
            assert!(token.fence > last, "{} {token:?} after {last}", self.at);
            assert_eq!((token.attempt, token.worker), (self.jobs[&token.job].attempt + 1, worker), "{}", self.at);
            expected.insert(token.job, (State::Running, token.attempt));
            self.tokens.push(token);
        }
        expected
    }

    async fn finish(&mut self) -> Expected {
        let (mut finishes, mut verdicts, mut expected) = (Vec::new(), Vec::new(), Expected::new());
        for _ in 0..self.random.usize(1..4) {
            let Some(token) = self.random.choice(&self.tokens).copied() else { break };
            let outcome = self.any_outcome();
            let follows = if expected.contains_key(&token.job) { None } else { self.next(token, &outcome) };
            verdicts.push(match follows {
                Some(follows) => {
                    expected.insert(token.job, follows);
                    Verdict::Accepted(follows.0)
                }
                None => Verdict::LeaseLost,
            });
            finishes.push(Finish { token, outcome, retry_in: RETRY_IN, log: None });
        }
        assert_eq!(self.h.store.finish(finishes).await.unwrap(), verdicts, "{}", self.at);
        expected
    }

    async fn progress(&mut self) -> Expected {
        let Some(token) = self.random.choice(&self.tokens).copied() else { return Expected::new() };
        let progress = Progress { done: self.random.u64(..), total: 0, message: None };
        let verdicts =
            self.h.store.progress(vec![ProgressUpdate { token, progress: Some(progress), log: None }]).await.unwrap();
        if self.is_held(token) {
            assert_eq!(verdicts, [Verdict::Accepted(State::Running)], "{}", self.at);
            return Expected::from([(token.job, (State::Running, token.attempt))]);
        }
        assert_eq!(verdicts, [Verdict::LeaseLost], "{}", self.at);
        Expected::new()
    }

    async fn promote(&mut self) -> Expected {
        let limit = self.random.usize(0..4);
        let now = self.h.clock.now();
        let mut waiting: Vec<&JobRecord> =
            self.in_state(|state| matches!(state, State::Scheduled | State::Retryable)).collect();
        waiting.retain(|job| !job.held);
        waiting.sort_by_key(|job| (job.run_at, job.id));
        let due = waiting.iter().filter(|job| job.run_at <= now).count().min(limit);
        // Of several due at the same time any may be left behind.
        if due < waiting.len() && due > 0 && waiting[due - 1].run_at == waiting[due].run_at {
            return Expected::new();
        }
        let promoted = self.h.store.promote(limit).await.unwrap();
        assert_eq!(promoted.moved, due, "{}", self.at);
        assert_eq!(promoted.next_in, waiting.get(due).map(|job| job.run_at.since(now)), "{}", self.at);
        waiting[..due].iter().map(|job| (job.id, (State::Available, job.attempt))).collect()
    }

    async fn rescue(&mut self) -> Expected {
        let now = self.h.clock.now();
        self.workers.retain(|_, lease_until| *lease_until > now);
        let mut expected = Expected::new();
        for job in self.in_state(|state| state == State::Running) {
            if job.worker.is_some_and(|worker| !self.workers.contains_key(&worker)) {
                let follows = lifecycle::next(standing(job), &Outcome::Expired, policy(job), now).unwrap();
                expected.insert(job.id, (follows.state, follows.attempt));
            }
        }
        let rescued = self.h.store.rescue(usize::MAX).await.unwrap();
        let rescued: HashMap<JobId, State> = rescued.into_iter().map(|job| (job.id, job.state)).collect();
        assert_eq!(rescued, expected.iter().map(|(id, follows)| (*id, follows.0)).collect(), "{}", self.at);
        expected
    }

    async fn cancel(&mut self) -> Expected {
        let Some(job) = self.any_job() else { return Expected::new() };
        let (id, follows) = match lifecycle::cancel(job.state) {
            Cancellation::Now => (job.id, (State::Cancelled, job.attempt)),
            Cancellation::Request => (job.id, (State::Running, job.attempt)),
            _ => {
                assert_eq!(self.h.cancel(job.id).await, Some(job.state), "{}", self.at);
                return Expected::new();
            }
        };
        assert_eq!(self.h.cancel(id).await, Some(follows.0), "{}", self.at);
        Expected::from([(id, follows)])
    }

    async fn retry(&mut self) -> Expected {
        let Some(job) = self.any_job() else { return Expected::new() };
        let allowed = lifecycle::retry(job.state, job.attempt, job.max_attempts);
        let is_held = if job.state.is_final() { self.lanes.enter(job.id, job.lane.as_ref()) } else { job.held };
        let follows = if allowed.is_some() { lifecycle::waits(is_held, false) } else { job.state };
        assert_eq!(self.h.retry(job.id).await, Some(follows), "{}", self.at);
        let after = self.h.job(job.id).await;
        assert_eq!(after.max_attempts, allowed.unwrap_or(job.max_attempts), "{}", self.at);
        allowed.map(|_| (job.id, (follows, job.attempt))).into_iter().collect()
    }

    async fn reschedule(&mut self) -> Expected {
        let Some(job) = self.any_job() else { return Expected::new() };
        let wait = SECOND * self.random.u32(0..9);
        let follows = lifecycle::reschedule(job.state, job.held, wait);
        assert_eq!(self.h.reschedule(job.id, wait).await, Some(follows.unwrap_or(job.state)), "{}", self.at);
        let due = if follows.is_some() { self.h.clock.now().after(wait) } else { job.run_at };
        assert_eq!(self.h.job(job.id).await.run_at, due, "{}", self.at);
        follows.map(|state| (job.id, (state, job.attempt))).into_iter().collect()
    }

    async fn delete(&mut self) -> Expected {
        let Some(job) = self.any_job() else { return Expected::new() };
        let only_ended = self.random.bool();
        let states = self.h.store.change(vec![job.id], Change::Delete { only_ended }).await.unwrap();
        assert_eq!(states, [Some(job.state)], "{}", self.at);
        if lifecycle::delete(job.state, only_ended) {
            self.jobs.remove(&job.id);
            self.lanes.forget(&job);
        }
        Expected::new()
    }

    async fn rewrite(&mut self) -> Expected {
        let Some(job) = self.any_job() else { return Expected::new() };
        let fence = job.fence + u64::from(self.random.u8(0..4) == 0);
        let args = format!("{{\"n\":{}}}", self.random.u8(..));
        let answer = self.h.rewrite(job.id, &args, fence).await;
        if job.state == State::Running || fence != job.fence {
            assert_eq!(answer, None, "{}", self.at);
            return Expected::new();
        }
        let is_held = if job.state.is_final() { self.lanes.enter(job.id, job.lane.as_ref()) } else { job.held };
        assert_eq!(answer, Some(lifecycle::waits(is_held, false)), "{}", self.at);
        assert_eq!(self.h.job(job.id).await.args.as_str(), args, "{}", self.at);
        Expected::from([(job.id, (lifecycle::waits(is_held, false), job.attempt))])
    }

    async fn pause(&mut self) -> Expected {
        self.paused = !self.paused;
        self.h.store.pause(&self.queue, self.paused).await.unwrap();
        Expected::new()
    }

    /// A worker joins, beats or leaves.
    async fn come_and_go(&mut self) -> Expected {
        let Some(worker) = self.any_worker().filter(|_| self.random.u8(0..3) > 0) else {
            self.join().await;
            return Expected::new();
        };
        if self.random.bool() {
            self.h.store.heartbeat(worker).await.unwrap();
            self.workers.insert(worker, self.h.clock.now().after(LEASE));
            return Expected::new();
        }
        let mut expected = Expected::new();
        for job in self.in_state(|state| state == State::Running) {
            if job.worker == Some(worker) {
                let outcome = Outcome::Released(Duration::ZERO);
                let follows = lifecycle::next(standing(job), &outcome, policy(job), self.h.clock.now()).unwrap();
                expected.insert(job.id, (follows.state, follows.attempt));
            }
        }
        self.h.store.leave(worker).await.unwrap();
        self.workers.remove(&worker);
        expected
    }

    async fn join(&mut self) {
        let worker = self.h.worker().await;
        self.workers.insert(worker, self.h.clock.now().after(LEASE));
    }

    fn is_held(&self, token: Token) -> bool {
        let is_running = self.jobs.get(&token.job).is_some_and(|job| job.state == State::Running);
        is_running && self.fences[&token.job] == token.fence
    }

    /// What the lifecycle says to a report, were it made now.
    fn next(&self, token: Token, outcome: &Outcome) -> Option<(State, u32)> {
        let job = self.is_held(token).then(|| &self.jobs[&token.job])?;
        let follows = lifecycle::next(standing(job), outcome, policy(job), self.h.clock.now())?;
        Some((follows.state, follows.attempt))
    }

    fn any_outcome(&mut self) -> Outcome {
        match self.random.u8(0..8) {
            0..2 => Outcome::Completed(Json::from_stored("1")),
            2..4 => Outcome::Failed("no".to_owned()),
            4 => Outcome::RetryAfter(SECOND * self.random.u32(0..9), "no".to_owned()),
            5 => Outcome::Permanent("no".to_owned()),
            6 => Outcome::Cancelled("no".to_owned()),
            _ => Outcome::Snoozed(SECOND * self.random.u32(0..9)),
        }
    }

    fn any_worker(&mut self) -> Option<WorkerId> {
        self.random.choice(self.workers.keys()).copied()
    }

    fn any_job(&mut self) -> Option<JobRecord> {
        self.random.choice(self.jobs.values()).cloned()
    }

    fn in_state(&self, wanted: impl Fn(State) -> bool) -> impl Iterator<Item = &JobRecord> {
        self.jobs.values().filter(move |job| wanted(job.state))
    }
}

fn standing(job: &JobRecord) -> Standing {
    Standing { state: job.state, attempt: job.attempt, cancel_requested: job.cancel_requested }
}

fn policy(job: &JobRecord) -> Policy {
    Policy { max_attempts: job.max_attempts, retry_in: RETRY_IN }
}
