use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Call, CancelToken, Error, Store};

use super::JobRun;
use super::death::Death;
use super::queue::TestQueue;
use super::run::{Attempted, How};

/// A worker that claims one job, begins it and dies, and what follows: its lease expires along the queue's clock, the job
/// is rescued, and a second worker runs its next attempt. Await it. Made by [`TestQueue::crash_worker`].
///
/// A job runs at least once, so a task's side effects should count once however often it runs. This is how to see:
///
/// ```standalone_crate
/// # use std::sync::{Arc, Mutex};
/// # use sidetask::{Context, task};
/// # use sidetask::testing::TestQueue;
/// #[derive(Clone, Default)]
/// struct Ledger(Arc<Mutex<std::collections::BTreeMap<String, u32>>>);
///
/// #[task]
/// async fn charge(#[state] ledger: Ledger, cx: Context, cents: u32) {
///     // Under the job's id, which the second attempt has as well.
///     ledger.0.lock().unwrap().insert(cx.job_id().unwrap().to_string(), cents);
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sidetask::Error> {
/// let ledger = Ledger::default();
/// let queue = TestQueue::builder().state(ledger.clone()).build()?;
/// let crashed = queue.crash_worker(charge::call(100)).await?;
/// assert_eq!(crashed.next.unwrap().attempt, 2);
/// assert_eq!(ledger.0.lock().unwrap().len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of [`RunJob`](super::RunJob), and [`is_conflict`](Error::is_conflict) where the function reports no progress so often
/// as the worker was to die at.
#[must_use = "nothing runs until it is awaited"]
pub struct CrashWorker<'a, T> {
    queue: &'a TestQueue,
    call: Call<T>,
    at: At,
}

/// When a worker dies.
#[derive(Clone, Copy, Debug)]
enum At {
    Begin,
    Progress(usize),
    End,
}

/// The lease of a worker that dies: what workers have unless they are told otherwise.
const LEASE: Duration = Duration::from_secs(15);

impl<'a, T> CrashWorker<'a, T> {
    pub(super) fn new(queue: &'a TestQueue, call: Call<T>) -> Self {
        Self { queue, call, at: At::End }
    }

    /// It dies before the function is called: no side effect is done.
    pub const fn before_begin(mut self) -> Self {
        self.at = At::Begin;
        self
    }

    /// It dies when the function has reported progress for the `number`th time, counted from 1: what is done before that
    /// report is done, what comes after is not. A plain function, which nothing can stop, is told by that report that its
    /// lease is lost.
    pub const fn at_progress(mut self, number: usize) -> Self {
        self.at = At::Progress(number);
        self
    }

    /// It dies when the function has ended, and before the store hears of that: all side effects are done. The default.
    pub const fn after_end(mut self) -> Self {
        self.at = At::End;
        self
    }

    async fn crash(self) -> Result<Crashed<T>, Error> {
        let Self { queue, call, at } = self;
        let queue = &*queue.0;
        let definition = queue.know(call.kind())?;
        let job = queue.client.enqueue(call).await?.id();
        let doomed = queue.ids.worker(queue.executor.clock().now());
        let claimed = queue.claim(job, doomed, LEASE, None).await?;
        let attempted = match at {
            At::Begin => {
                queue.recorder.begin(job, CancelToken::new(), None);
                let recording = queue.recorder.end(job).ok_or_else(|| Error::no_such_job(job))?;
                Attempted { claimed, outcome: Outcome::Expired, recording, log: None }
            }
            At::End => queue.attempt(definition, claimed, None, None).await?,
            At::Progress(number) => {
                let death = Arc::new(Death::new(Some(number)));
                let attempted = queue.attempt(definition, claimed, None, Some(Arc::clone(&death))).await?;
                if !death.has_come() {
                    return Err(never_came(&attempted, number));
                }
                Attempted { outcome: Outcome::Expired, ..attempted }
            }
        };
        queue.clock.advance(LEASE);
        queue.recorder.rescue(usize::MAX).await?;
        let lost = queue.told(attempted).await?;
        let next =
            if lost.record.state.is_final() { None } else { Some(queue.run(job, &How::default()).await?.returns()) };
        Ok(Crashed { lost: lost.returns(), next })
    }
}

fn never_came(attempted: &Attempted, number: usize) -> Error {
    Error::conflict(format!(
        "the worker should die at report {number} of progress, but `{}` ended after {}: {:?}",
        attempted.claimed.kind,
        attempted.recording.progress.len(),
        attempted.outcome,
    ))
}

impl<'a, T: 'a> IntoFuture for CrashWorker<'a, T> {
    type Output = Result<Crashed<T>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.crash())
    }
}

impl<T> fmt::Debug for CrashWorker<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashWorker").field("call", &self.call).field("at", &self.at).finish_non_exhaustive()
    }
}

/// What came of a worker's death.
#[derive(Debug)]
#[non_exhaustive]
pub struct Crashed<T = serde_json::Value> {
    /// The attempt that was lost: [`Outcome::Expired`], or how the function ended though nobody heard of it. Its record is
    /// the job as the rescue left it.
    pub lost: JobRun<T>,
    /// The attempt after it; `None` where the lost one was the job's last.
    pub next: Option<JobRun<T>>,
}
