use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sidetask_core::{
    Call, Clock as _, Error, IdSource, JobRecord, Kinds, RateLimit, TaskFunction, Timestamp, WorkerId,
};
use sidetask_testing::ManualClock;
use tracing::Dispatch;

use super::crash::CrashWorker;
use super::drain::{Bounds, Drained, Periods, Until};
use super::recorder::Recorder;
use super::run::RunJob;
use super::{EnqueuedCall, TestQueueBuilder};
use crate::rate::Limiter;
use crate::{Client, Executor};

/// A queue for one test: in memory, and shared with no other test, so that tests run side by side. Its clock stands still
/// unless the test moves it, so that nothing waits and every run is the same. Cheap to clone; all clones are one queue.
///
/// Give its [`client`](Self::client) to the code under test, then look at [what was enqueued](Self::enqueued), run it
/// [all together](Self::drain), or run [one attempt](Self::run_job) of a call.
///
/// Ids are random all the same, and so are the order and timing of what tasks do at once by themselves.
#[derive(Clone)]
pub struct TestQueue(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) recorder: Arc<Recorder>,
    pub(super) clock: ManualClock,
    pub(super) executor: Executor,
    pub(super) kinds: Kinds,
    /// What attempts run under, save those that crash.
    pub(super) worker: WorkerId,
    pub(super) ids: IdSource,
    /// Of its own: those of the process go by other clocks.
    pub(super) limiters: Mutex<HashMap<String, Arc<Limiter>>>,
    pub(super) random: Mutex<fastrand::Rng>,
    pub(super) periods: Periods,
    pub(super) bounds: Bounds,
    /// For the logs of attempts.
    pub(super) subscriber: Dispatch,
}

impl TestQueue {
    /// An empty queue that knows every `#[task]` function linked into this program, and no `#[state]` value.
    ///
    /// # Panics
    /// Where the tasks of this program cannot be used together, which [`build`](TestQueueBuilder::build) answers as an
    /// error.
    pub fn new() -> Self {
        Self::builder().build().unwrap_or_else(|error| panic!("the tasks of this program cannot be used: {error}"))
    }

    /// Settings of a queue.
    pub fn builder() -> TestQueueBuilder {
        TestQueueBuilder::new()
    }

    /// The client for the code under test: like any other, on this queue.
    pub fn client(&self) -> Client {
        self.0.client.clone()
    }

    /// The clock. All times of the queue are taken from it.
    pub fn clock(&self) -> &ManualClock {
        &self.0.clock
    }

    /// Lets time pass. Jobs that fall due meanwhile are run by the next drain.
    pub fn advance(&self, duration: Duration) {
        self.0.clock.advance(duration);
    }

    /// Runs one attempt of a call right now: whatever its delay, its queue, its rate limit and its lane say.
    ///
    /// The call is enqueued as by the client, which needs no await of its own; then the function runs as in a worker: with
    /// a real [`Context`](crate::Context), its arguments decoded, within its time limit, panics caught, a plain function on
    /// its blocking pool. The job is left as the attempt leaves it, so that a drain goes on with it. Where the call's key or
    /// id finds a job that waits, that is the one.
    ///
    /// An attempt with a time limit that has not ended when so much time has passed on tokio's clock has timed out: at
    /// once in a test with `start_paused`. Where there is no pausing, have it [take](RunJob::taking) its time.
    pub fn run_job<T>(&self, call: Call<T>) -> RunJob<'_, T> {
        RunJob::new(self, call)
    }

    /// Has a worker die in the middle of a call, and another one take it over. See [`CrashWorker`].
    pub fn crash_worker<T>(&self, call: Call<T>) -> CrashWorker<'_, T> {
        CrashWorker::new(self, call)
    }

    /// Runs what is available, and what is enqueued by that, until nothing is: one job at a time, in the order in which
    /// a worker would claim them. The clock stays where it is.
    ///
    /// Jobs of a kind that the queue does not know, or of a paused queue, are left, as workers leave them. A job whose
    /// rate limit does not let it begin is given back until its turn.
    ///
    /// # Errors
    /// - [`is_missing_state`](Error::is_missing_state) for a job whose function takes a `#[state]` value that the queue does
    ///   not have. The job is left.
    /// - [`is_not_finished`](Error::is_not_finished) after as many attempts as the [builder](TestQueueBuilder) allows; the
    ///   text says what runs again and again.
    pub async fn drain(&self) -> Result<Drained, Error> {
        self.0.drain(Until::NothingIsDue).await
    }

    /// The same, and whenever nothing is available moves the clock to what is due next (what is scheduled, retries after
    /// their backoff, turns of rate limits), until nothing waits for its time. Ticks of schedules that are still to come do
    /// not count: there is always a next one.
    ///
    /// # Errors
    /// Those of [`drain`](Self::drain), and [`is_not_finished`](Error::is_not_finished) also after as much time as the builder
    /// allows.
    pub async fn drain_until_idle(&self) -> Result<Drained, Error> {
        self.0.drain(Until::Idle).await
    }

    /// Lets this much time pass, and runs everything at its time, ticks of [schedules](TestQueueBuilder::schedule) included.
    ///
    /// # Errors
    /// Those of [`drain`](Self::drain).
    pub async fn drain_for(&self, duration: Duration) -> Result<Drained, Error> {
        self.0.drain(Until::HasPassed(duration)).await
    }

    /// The jobs that have not ended, in the order in which they were stored.
    pub fn enqueued(&self) -> Vec<JobRecord> {
        let mut jobs = self.all();
        jobs.retain(|job| !job.state.is_final());
        jobs
    }

    /// Those of one task, with their arguments. The fields of a `#[task]` function's arguments are its parameters, and seen
    /// wherever the function is.
    ///
    /// # Errors
    /// [`is_decode`](Error::is_decode) where the stored arguments are not of the function's shape.
    pub fn enqueued_of<F: TaskFunction>(&self) -> Result<Vec<EnqueuedCall<F>>, Error> {
        let of_task = |job: &JobRecord| job.kind == F::KIND || F::ALIASES.contains(&job.kind.as_str());
        let jobs = self.enqueued().into_iter().filter(of_task);
        jobs.map(|record| Ok(EnqueuedCall { args: record.args.decode()?, record })).collect()
    }

    pub(super) fn all(&self) -> Vec<JobRecord> {
        self.0.recorder.memory.all()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl Inner {
    pub(super) fn limiter(&self, limit: &RateLimit) -> Arc<Limiter> {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Limiter::new(limit.clone()));
        Arc::clone(limiters.entry(limit.name().to_owned()).or_insert_with(new))
    }

    pub(super) fn random(&self) -> fastrand::Rng {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }
}

impl From<Inner> for TestQueue {
    fn from(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl Default for TestQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestQueue").field("clock", &self.0.clock).finish_non_exhaustive()
    }
}
