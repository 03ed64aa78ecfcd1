//! Running single attempts of registered functions.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Clock, Context, Deadline, Definition, Error, Json, Registry, StateMap, TaskError, TaskErrorKind, Timestamp, Work,
};
use tokio::runtime::Handle;
use tracing::Span;

use crate::BlockingPool;
use crate::blocking::Lost;
use crate::panics::{Caught, Panic, catch};
use crate::stall::{Subject, Watched};

mod builder;

pub use builder::ExecutorBuilder;

/// About how long to wait where an attempt could not even begin.
const SOON: Duration = Duration::from_secs(1);

/// Runs single attempts of registered functions, for those to whom calls come by another way than a store: the handler
/// of a Lambda function, a consumer of messages. A [`Worker`](crate::Worker) runs its jobs with one as well. Cheap to
/// clone.
///
/// It keeps panics, time limits and blocking functions away from its caller and says how each attempt ended; what
/// follows from that is the caller's to decide. Rate limits are the caller's as well.
///
/// ```
/// use sidetask::core::lifecycle::Outcome;
/// use sidetask::{CancelToken, Context, Executor, Json, Registry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sidetask::Error> {
/// let mut registry = Registry::new();
/// registry.register("math.double", |n: u64| async move { 2 * n });
/// let executor = Executor::builder(registry).build()?;
///
/// let definition = executor.find("math.double").expect("it was registered").clone();
/// let context = Context::in_process("math.double", 1, 1, CancelToken::new());
/// let outcome = executor.run(&definition, &Json::encode(&21)?, context, None).await;
/// assert_eq!(outcome, Outcome::Completed(Json::encode(&42)?));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

struct Inner {
    registry: Registry,
    states: StateMap,
    pool: BlockingPool,
    clock: Arc<dyn Clock>,
    max_output_bytes: usize,
}

impl Executor {
    /// Settings of an executor for these functions.
    pub fn builder(registry: Registry) -> ExecutorBuilder {
        ExecutorBuilder::new(registry)
    }

    /// The function of a kind or alias.
    pub fn find(&self, kind: &str) -> Option<&Arc<Definition>> {
        self.0.registry.find(kind)
    }

    /// The functions that it runs.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The clock that time limits are taken from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Checks that it has every `#[state]` value of a function.
    pub(crate) fn check_states(&self, definition: &Definition) -> Result<(), Error> {
        definition.check_states(&self.0.states)
    }

    /// Runs one attempt: the function with these arguments, for at most `limit`, or its kind's own
    /// [`timeout`](crate::TaskOptions::timeout) where that is `None`. The function is told the earlier of that
    /// and the context's own [`deadline`](Context::deadline), which is not enforced: give it as the limit as well.
    ///
    /// The outcome is `Completed`, `Failed` (an error, a panic, the end of its time), `RetryAfter`, `Permanent` (also for
    /// an output over the limit), `Cancelled`, `Snoozed` as the function asked, or `Released` where its blocking pool was
    /// full and nothing ran. Arguments that do not fit are an ordinary failure, since a corrected deployment may
    /// understand them.
    ///
    /// # Cancel safety
    /// Dropping the future drops an async function where it stands, and leaves a plain function running on its thread.
    pub async fn run(
        &self,
        definition: &Definition,
        args: &Json,
        context: Context,
        limit: Option<Duration>,
    ) -> Outcome {
        let kind = context.kind().into();
        self.run_with(&kind, definition, args, context, limit, || || ()).await
    }

    /// Runs one attempt of the context's `kind`. For a function that blocks, `on_thread` is called when it goes to its
    /// pool; what that answers is called on the thread when the function begins there, and what that one answers is
    /// dropped when the function really ends, whether or not somebody waits.
    pub(crate) async fn run_with<O, G>(
        &self,
        kind: &Arc<str>,
        definition: &Definition,
        args: &Json,
        context: Context,
        limit: Option<Duration>,
        on_thread: impl FnOnce() -> O,
    ) -> Outcome
    where
        O: FnOnce() -> G + Send + 'static,
    {
        // Showing and dropping a user's error may panic as well, when the function itself has ended.
        let caught = Caught::new(Box::pin(self.attempt(kind, definition, args, context, limit, on_thread)));
        let subject = || Subject::Job(Arc::clone(kind), definition.place());
        let ended = Watched::new(caught, subject).await;
        ended.unwrap_or_else(|panic| Outcome::Failed(panicked(kind, &panic).to_string()))
    }

    async fn attempt<O, G>(
        &self,
        kind: &Arc<str>,
        definition: &Definition,
        args: &Json,
        context: Context,
        limit: Option<Duration>,
        on_thread: impl FnOnce() -> O,
    ) -> Outcome
    where
        O: FnOnce() -> G + Send + 'static,
    {
        let limit = limit.or(definition.options().timeout);
        let cancel = context.cancel_token().clone();
        let context = self.with_deadline(context, limit);
        let work = match catch(|| definition.run(args, context, &self.0.states)) {
            Ok(Ok(work)) => work,
            Ok(Err(error)) => return not_begun(kind, &error),
            Err(panic) => return Outcome::Failed(panicked(kind, &panic).to_string()),
        };
        let ended = match work {
            Work::Async(future) => {
                let caught = Caught::new(future);
                self.within(limit, async { caught.await.map_err(|panic| panicked(kind, &panic)) }).await
            }
            Work::Blocking(f) => {
                let pool = BlockingPool::of_task(definition.options(), || self.0.pool.clone());
                let (occupy, cancel) = (on_thread(), cancel.clone());
                // What it stores, progress for instance, may go through connections and timers of the runtime.
                let runtime = Handle::try_current();
                let span = Span::current();
                let function = move || {
                    let _entered = span.enter();
                    let _runtime = runtime.as_ref().ok().map(Handle::enter);
                    if cancel.is_cancelled() {
                        return Err(TaskError::cancel("it was cancelled before it began"));
                    }
                    let _occupied = occupy();
                    f()
                };
                let called = async {
                    pool.submit(function)?.await.map_err(|lost| match lost {
                        Lost::Panicked(panic) => panicked(kind, &panic),
                        Lost::Refused(error) => error,
                    })
                };
                self.within(limit, called).await
            }
            _ => Some(Ok(Err(TaskError::new("this executor does not know how to run this sort of task")))),
        };
        match ended {
            Some(ended) => self.outcome_of(ended, kind),
            None => {
                // A blocking function cannot be stopped, only told.
                cancel.cancel();
                Outcome::Failed(Error::timed_out(kind, limit.unwrap_or_default()).to_string())
            }
        }
    }

    fn with_deadline(&self, context: Context, limit: Option<Duration>) -> Context {
        let Some(limit) = limit else { return context };
        let clock = Arc::clone(&self.0.clock);
        let at = clock.now().after(limit);
        match context.deadline() {
            Some(earlier) if Timestamp::from(earlier) <= at => context,
            _ => context.with_deadline(Deadline { at, clock }),
        }
    }

    /// What `future` comes to, or `None` when the time is over.
    async fn within<T>(&self, limit: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
        let Some(limit) = limit else { return Some(future.await) };
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.0.clock.sleep(limit) => None,
        }
    }

    fn outcome_of(&self, ended: Result<Result<Json, TaskError>, Error>, kind: &str) -> Outcome {
        let max_output = self.0.max_output_bytes;
        match ended {
            Ok(Ok(output)) if output.size() > max_output => {
                let what = format!("the output of `{kind}`");
                Outcome::Permanent(Error::too_large(&what, output.size(), max_output).to_string())
            }
            Ok(Ok(output)) => Outcome::Completed(output),
            Ok(Err(error)) => failed(&error),
            Err(error) if error.is_pool_full() => {
                tracing::warn!(%error, "the job is given back");
                Outcome::Released(SOON)
            }
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("registry", &self.0.registry).finish_non_exhaustive()
    }
}

/// The wait before the next attempt. A backoff may be a user's function, which may panic.
pub(crate) fn retry_in(definition: &Definition, attempt: u32, random: &mut fastrand::Rng) -> Duration {
    catch(|| definition.options().backoff.wait(attempt, random)).unwrap_or_else(|panic| {
        tracing::warn!(panic = panic.message(), "the backoff panicked: the default is used");
        sidetask_core::Backoff::default().wait(attempt, random)
    })
}

fn not_begun(kind: &str, error: &TaskError) -> Outcome {
    let is_decode = error.source().downcast_ref::<Error>().is_some_and(Error::is_decode);
    if is_decode {
        // An ordinary failure, since a corrected deployment may understand them.
        Outcome::Failed(format!("the stored arguments do not fit task `{kind}`: {error}"))
    } else {
        failed(error)
    }
}

fn failed(error: &TaskError) -> Outcome {
    let text = error.to_string();
    match error.kind() {
        TaskErrorKind::RetryAfter(wait) => Outcome::RetryAfter(wait, text),
        TaskErrorKind::Permanent => Outcome::Permanent(text),
        TaskErrorKind::Cancel => Outcome::Cancelled(text),
        TaskErrorKind::Snooze(wait) => Outcome::Snoozed(wait),
        _ => Outcome::Failed(text),
    }
}

fn panicked(kind: &str, panic: &Panic) -> Error {
    Error::panicked(kind, &panic.in_full())
}
