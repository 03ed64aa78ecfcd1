//! Running single attempts.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Call, CancelToken, Claimed, Context, Definition, Error, Finish, JobId, JobRecord, Joining, Store, WorkerId,
};
use tokio::sync::Notify;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Instrument as _, dispatcher};

use super::death::Death;
use super::queue::{Inner, TestQueue};
use super::recorder::Recording;
use super::{JobRun, death};
use crate::executor;
use crate::observe::logging::Logged;
use crate::observe::spans;

/// One attempt of a call, about to be run: await it. Made by [`TestQueue::run_job`].
///
/// # Errors
/// [`is_unknown_kind`](Error::is_unknown_kind) and [`is_missing_state`](Error::is_missing_state) before anything is enqueued;
/// [`is_conflict`](Error::is_conflict) where the call's key or id is that of a job that runs or has ended; those of
/// [`Client::enqueue`](crate::Client::enqueue). What goes wrong in the function is the run's outcome.
///
/// # Cancel safety
/// Dropping the future drops an async function where it stands and leaves the job running, as a worker that hangs does.
#[must_use = "nothing runs until it is awaited"]
pub struct RunJob<'a, T> {
    queue: &'a TestQueue,
    call: Call<T>,
    how: How,
}

/// How one attempt is to be run.
#[derive(Clone, Debug, Default)]
pub(super) struct How {
    /// How much time passes in it.
    pub(super) takes: Option<Duration>,
    /// Which attempt it counts as, in place of the next one.
    pub(super) attempt: Option<u32>,
}

impl<'a, T> RunJob<'a, T> {
    pub(super) fn new(queue: &'a TestQueue, call: Call<T>) -> Self {
        Self { queue, call, how: How::default() }
    }

    /// Lets this much time pass on the queue's clock as soon as the function waits for something for the first time, or, of
    /// a plain function, as soon as it has begun. With more than its time limit, the attempt times out there.
    pub const fn taking(mut self, time: Duration) -> Self {
        self.how.takes = Some(time);
        self
    }

    /// Runs it as the attempt of this number, counted from 1, as if those before had failed.
    pub const fn attempt(mut self, number: u32) -> Self {
        self.how.attempt = Some(number);
        self
    }

    async fn run(self) -> Result<JobRun<T>, Error> {
        let Self { queue, call, how } = self;
        queue.0.know(call.kind())?;
        let job = queue.0.client.enqueue(call).await?.id();
        Ok(queue.0.run(job, &how).await?.returns())
    }
}

impl<'a, T: 'a> IntoFuture for RunJob<'a, T> {
    type Output = Result<JobRun<T>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for RunJob<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunJob").field("call", &self.call).field("how", &self.how).finish_non_exhaustive()
    }
}

/// An attempt that was begun and has ended, not reported yet.
pub(super) struct Attempted {
    pub(super) claimed: Claimed,
    pub(super) outcome: Outcome,
    pub(super) recording: Recording,
    pub(super) log: Option<Arc<str>>,
}

impl Inner {
    /// The function of a kind, where all is there that it needs.
    pub(super) fn know(&self, kind: &str) -> Result<&Arc<Definition>, Error> {
        let definition = self.executor.find(kind).ok_or_else(|| Error::unknown_kind(kind))?;
        self.executor.check_states(definition)?;
        Ok(definition)
    }

    /// Runs one attempt of a job that waits, and reports it.
    pub(super) async fn run(&self, job: JobId, how: &How) -> Result<JobRun, Error> {
        let claimed = self.claim(job, self.worker, Duration::MAX, how.attempt).await?;
        let definition = self.know(&claimed.kind)?;
        let attempted = self.attempt(definition, claimed, how.takes, None).await?;
        let (token, outcome) = (attempted.claimed.token, attempted.outcome.clone());
        if let (Some(limit), Outcome::RetryAfter(wait, _)) = (&definition.options().rate_limit, &outcome) {
            self.limiter(limit).pause(self.executor.clock().elapsed(), *wait);
        }
        let retry_in = match outcome {
            Outcome::Failed(_) => executor::retry_in(definition, token.attempt, &mut self.random()),
            _ => Duration::ZERO,
        };
        self.recorder.finish(vec![Finish { token, outcome, retry_in, log: attempted.log.clone() }]).await?;
        self.told(attempted).await
    }

    /// Gives this one job to a worker with this lease.
    pub(super) async fn claim(
        &self,
        job: JobId,
        worker: WorkerId,
        lease: Duration,
        attempt: Option<u32>,
    ) -> Result<Claimed, Error> {
        self.recorder.join(Joining { worker, name: "test".to_owned(), lease }).await?;
        match self.recorder.memory.begin(job, worker, attempt)? {
            Some(claimed) => Ok(claimed),
            None => {
                let state = self.record(job).await?.state;
                Err(Error::conflict(format!(
                    "job {job} is {state} and cannot be run: the call's key or id is that of a job which runs or has ended"
                )))
            }
        }
    }

    /// Runs the function, until its end or until its worker dies.
    pub(super) async fn attempt(
        &self,
        definition: &Definition,
        claimed: Claimed,
        takes: Option<Duration>,
        death: Option<Arc<Death>>,
    ) -> Result<Attempted, Error> {
        let (token, kind) = (claimed.token, Arc::clone(&claimed.kind));
        let cancel = CancelToken::new();
        self.recorder.begin(token.job, cancel.clone(), death.clone());
        let store = Arc::clone(&self.recorder) as Arc<dyn Store>;
        let context = Context::of_job(token, Arc::clone(&kind), claimed.max_attempts, cancel, store);
        let begun = Arc::new(Begun::default());
        let subscriber = self.subscriber();
        let (span, logged) = dispatcher::with_default(&subscriber, || Logged::of(|| spans::attempt(&claimed)));
        let on_thread = || {
            death.as_deref().inspect(|death| death.note_blocking());
            begun.is_blocking.store(true, Ordering::SeqCst);
            let (begun, subscriber) = (Arc::clone(&begun), subscriber.clone());
            move || {
                begun.on_thread.notify_one();
                dispatcher::set_default(&subscriber)
            }
        };
        let limit = claimed.timeout.or(definition.options().timeout);
        let run = self.executor.run_with(&kind, definition, &claimed.args, context, limit, on_thread);
        let run = self.with_time(run, &begun, takes, limit, death.as_deref());
        let outcome = run.instrument(span).with_subscriber(subscriber.clone()).await;
        let recording = self.recorder.end(token.job);
        let recording = recording.ok_or_else(|| Error::conflict(format!("job {} was run twice at once", token.job)))?;
        Ok(Attempted { claimed, outcome, recording, log: logged.end() })
    }

    /// What takes down what an attempt logs: the test's own subscriber where it has one, and otherwise the queue's.
    fn subscriber(&self) -> Dispatch {
        dispatcher::get_default(|current| if current.is::<NoSubscriber>() { &self.subscriber } else { current }.clone())
    }

    /// Polls an attempt, and lets the time pass that it is to take.
    async fn with_time(
        &self,
        run: impl Future<Output = Outcome>,
        begun: &Begun,
        takes: Option<Duration>,
        limit: Option<Duration>,
        death: Option<&Death>,
    ) -> Outcome {
        let mut run = pin!(run);
        if let Some(takes) = takes {
            tokio::select! {
                biased;
                outcome = &mut run => return outcome,
                () = begun.wait() => self.clock.advance(takes),
            }
        }
        tokio::select! {
            biased;
            outcome = &mut run => outcome,
            () = death::of(death) => Outcome::Expired,
            () = tokio::time::sleep(limit.unwrap_or_default()), if limit.is_some() => {
                self.clock.advance(limit.unwrap_or_default());
                run.await
            }
        }
    }

    /// What is told of an attempt, when it was reported or lost.
    pub(super) async fn told(&self, attempted: Attempted) -> Result<JobRun, Error> {
        let Attempted { claimed, outcome, recording, log } = attempted;
        let enqueued = self.recorder.jobs(recording.enqueued).await?.into_iter().flatten().collect();
        Ok(JobRun {
            outcome,
            attempt: claimed.token.attempt,
            record: self.record(claimed.token.job).await?,
            progress: recording.progress,
            log: log.as_deref().unwrap_or_default().to_owned(),
            enqueued,
            ended_at: self.executor.clock().now(),
            output: PhantomData,
        })
    }

    pub(super) async fn record(&self, job: JobId) -> Result<JobRecord, Error> {
        self.client.job(job).await?.ok_or_else(|| Error::no_such_job(job))
    }
}

/// Whether a function has begun.
#[derive(Debug, Default)]
struct Begun {
    is_blocking: AtomicBool,
    on_thread: Notify,
}

impl Begun {
    /// To be asked when the attempt was polled: an async function has begun by then, a plain one is on its way.
    async fn wait(&self) {
        if self.is_blocking.load(Ordering::SeqCst) {
            self.on_thread.notified().await;
        }
    }
}
