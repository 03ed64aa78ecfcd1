use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Change, Claim, Claimed, Clock, Enqueued, Error, Finish, IdSource, JobId, JobRecord, Joining, Json, Kinds, Lane,
    NewJob, State, Store, Token, Verdict, Want, When, WorkerId,
};

use crate::ManualClock;

/// An empty store under test, and what it needs to stay alive.
#[non_exhaustive]
pub struct Harness {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clock that it was made with.
    pub clock: ManualClock,
    /// Whether it puts jobs into lent slots.
    pub hands_off: bool,
    /// Whether what it keeps has a schema.
    pub has_schema: bool,
    guard: Option<Box<dyn Any + Send>>,
    ids: IdSource,
}

impl Harness {
    /// An empty store that reads `clock`, that hands jobs to lent slots, and that has a schema.
    pub fn new(store: Arc<dyn Store>, clock: ManualClock) -> Self {
        Self { store, clock, hands_off: true, has_schema: true, guard: None, ids: IdSource::new() }
    }

    /// Keeps `guard`, such as a temporary directory, until the test is over.
    #[must_use]
    pub fn keep(mut self, guard: impl Any + Send) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// Says that this store ignores lent slots: the suite then checks that it does.
    #[must_use]
    pub const fn without_hand_off(mut self) -> Self {
        self.hands_off = false;
        self
    }

    /// Says that this store keeps nothing in a form of its own: the suite then checks that it says so.
    #[must_use]
    pub const fn without_schema(mut self) -> Self {
        self.has_schema = false;
        self
    }
}

impl fmt::Debug for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness").field("store", &self.store).field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// A job of this kind, due now, in the queue `default`, of three attempts, with the arguments `{}`.
pub fn new_job(kind: impl Into<Cow<'static, str>>) -> NewJob {
    NewJob {
        kind: kind.into(),
        queue: Cow::Borrowed(QUEUE),
        args: Json::from_stored("{}"),
        max_attempts: 3,
        timeout: None,
        priority: 0,
        when: When::Now,
        key: None,
        id: None,
        lane: None,
        tick: None,
        trace: None,
        to: None,
    }
}

pub(crate) const QUEUE: &str = "default";
pub(crate) const KIND: &str = "test.work";
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// What [`Harness::finish`] gives as the wait after an ordinary failure.
pub(crate) const RETRY_IN: Duration = Duration::from_secs(10);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn work() -> NewJob {
    new_job(KIND)
}

pub(crate) fn works(number: usize) -> Vec<NewJob> {
    (0..number).map(|_| work()).collect()
}

pub(crate) fn later(wait: Duration) -> NewJob {
    NewJob { when: When::After(wait), ..work() }
}

pub(crate) fn keyed(key: &str) -> NewJob {
    NewJob { key: Some(key.to_owned()), ..work() }
}

pub(crate) fn named(id: JobId) -> NewJob {
    NewJob { id: Some(id), ..work() }
}

pub(crate) fn in_queue(queue: &str) -> NewJob {
    NewJob { queue: Cow::Owned(queue.to_owned()), ..work() }
}

/// A job in this lane.
pub(crate) fn laned(lane: &str, width: u32) -> NewJob {
    NewJob { lane: Some(Lane { name: Cow::Owned(lane.to_owned()), width }), ..work() }
}

pub(crate) fn ids(claimed: &[Claimed]) -> Vec<JobId> {
    claimed.iter().map(|claimed| claimed.token.job).collect()
}

pub(crate) fn done() -> Outcome {
    Outcome::Completed(Json::from_stored("\"done\""))
}

pub(crate) fn failed() -> Outcome {
    Outcome::Failed("it broke".to_owned())
}

/// Everything that can be read of a job, for comparing two moments.
pub(crate) fn picture(job: &JobRecord) -> serde_json::Value {
    serde_json::to_value(job).expect("a record serializes")
}

impl Harness {
    pub(crate) async fn enqueue(&self, jobs: Vec<NewJob>) -> Vec<JobId> {
        self.store.enqueue(jobs).await.expect("enqueue").into_iter().map(|enqueued| enqueued.id).collect()
    }

    pub(crate) async fn add(&self, job: NewJob) -> JobId {
        self.offer(job).await.id
    }

    pub(crate) async fn offer(&self, job: NewJob) -> Enqueued {
        let answers = self.store.enqueue(vec![job]).await.expect("enqueue");
        assert_eq!(answers.len(), 1, "one answer a job");
        answers[0]
    }

    /// A job's id that nobody heard of.
    pub(crate) fn new_id(&self) -> JobId {
        self.ids.job(self.clock.now())
    }

    /// A worker that nobody heard of.
    pub(crate) fn stranger(&self) -> WorkerId {
        self.ids.worker(self.clock.now())
    }

    pub(crate) async fn worker(&self) -> WorkerId {
        let worker = self.stranger();
        self.store.join(Joining { worker, name: "test".to_owned(), lease: LEASE }).await.expect("join");
        worker
    }

    pub(crate) async fn try_claim(
        &self,
        worker: WorkerId,
        kinds: &[&str],
        wants: &[(&str, usize)],
    ) -> Result<Vec<Claimed>, Error> {
        let kinds: Kinds = kinds.iter().copied().collect();
        let wants = wants.iter().map(|&(queue, limit)| Want { queue: queue.to_owned(), limit }).collect();
        self.store.claim(Claim { worker, kinds, wants }).await
    }

    pub(crate) async fn claim_from(&self, worker: WorkerId, wants: &[(&str, usize)]) -> Vec<Claimed> {
        self.try_claim(worker, &[KIND], wants).await.expect("claim")
    }

    pub(crate) async fn claim(&self, worker: WorkerId, limit: usize) -> Vec<Claimed> {
        self.claim_from(worker, &[(QUEUE, limit)]).await
    }

    /// Claims the one job that is available.
    pub(crate) async fn claim_only(&self, worker: WorkerId) -> Token {
        let claimed = self.claim(worker, 10).await;
        assert_eq!(claimed.len(), 1, "exactly one job waits: {claimed:?}");
        claimed[0].token
    }

    /// A job that runs, held by a worker of its own.
    pub(crate) async fn running(&self, job: NewJob) -> Token {
        let queue = job.queue.clone();
        let id = self.add(job).await;
        let worker = self.worker().await;
        let claimed = self.claim_from(worker, &[(&queue, 1)]).await;
        assert_eq!(ids(&claimed), [id], "the job is the only one that waits");
        claimed[0].token
    }

    /// A job that was brought into `state`, in a queue named after the state.
    pub(crate) async fn job_in(&self, state: State, job: NewJob) -> JobId {
        let job = NewJob { queue: Cow::Borrowed(state.as_str()), ..job };
        let outcome = match state {
            State::Scheduled => return self.add(NewJob { when: When::After(HOUR), ..job }).await,
            State::Available => return self.add(job).await,
            State::Running => return self.running(job).await.job,
            State::Retryable => failed(),
            State::Completed => done(),
            State::Cancelled => Outcome::Cancelled("called off".to_owned()),
            State::Discarded => Outcome::Permanent("hopeless".to_owned()),
            other => panic!("the suite does not know how to bring a job to {other}"),
        };
        let token = self.running(job).await;
        assert_eq!(self.finish(token, outcome).await, Verdict::Accepted(state));
        token.job
    }

    pub(crate) async fn finish(&self, token: Token, outcome: Outcome) -> Verdict {
        self.finish_with(token, outcome, None).await
    }

    pub(crate) async fn finish_with(&self, token: Token, outcome: Outcome, log: Option<&str>) -> Verdict {
        let finish = Finish { token, outcome, retry_in: RETRY_IN, log: log.map(Arc::from) };
        let verdicts = self.store.finish(vec![finish]).await.expect("finish");
        assert_eq!(verdicts.len(), 1, "one verdict a report");
        verdicts[0]
    }

    pub(crate) async fn cancel(&self, id: JobId) -> Option<State> {
        self.change(id, Change::Cancel).await
    }

    pub(crate) async fn retry(&self, id: JobId) -> Option<State> {
        self.change(id, Change::Retry).await
    }

    pub(crate) async fn reschedule(&self, id: JobId, wait: Duration) -> Option<State> {
        self.change(id, Change::Reschedule(wait)).await
    }

    pub(crate) async fn delete(&self, id: JobId) -> Option<State> {
        self.change(id, Change::Delete { only_ended: false }).await
    }

    /// Gives a job other arguments than it has, where its fence is still this one.
    pub(crate) async fn rewrite(&self, id: JobId, args: &str, fence: u64) -> Option<State> {
        let from = self.job(id).await.args;
        self.change(id, Change::Rewrite { args: Json::from_stored(args), fence, from }).await
    }

    async fn change(&self, id: JobId, change: Change) -> Option<State> {
        let states = self.store.change(vec![id], change).await.expect("change");
        assert_eq!(states.len(), 1, "one answer a job");
        states[0]
    }

    pub(crate) async fn find(&self, id: JobId) -> Option<JobRecord> {
        let mut jobs = self.store.jobs(vec![id]).await.expect("jobs");
        assert_eq!(jobs.len(), 1, "one answer a job");
        jobs.remove(0)
    }

    pub(crate) async fn job(&self, id: JobId) -> JobRecord {
        self.find(id).await.expect("the job is there")
    }

    pub(crate) async fn state(&self, id: JobId) -> State {
        self.job(id).await.state
    }

    pub(crate) async fn count(&self, state: State) -> u64 {
        self.store.stats().await.expect("stats").total().count(state)
    }
}
