//! Running one claimed job.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{CancelToken, Claimed, Context, Definition, Error, Json, TaskError, TaskErrorKind, Work};
use tracing::Instrument as _;

use super::caught::{Caught, Panic, catch};
use super::limited::{admitted, heed};
use super::queues::Place;
use super::running::Attempt;
use super::shared::Shared;
use crate::stall::{Subject, Watched};
use crate::{BlockingPool, panics};

/// About how long a job waits that this worker could not even begin.
const SOON: Duration = Duration::from_secs(1);

/// Begins an attempt, in a task of its own.
pub(super) fn begin(shared: &Arc<Shared>, job: Claimed, place: Place) {
    let token = job.token;
    let started = shared.running.start(token.job, || {
        let (kind, queue, cancel) = (Arc::clone(&job.kind), place.queue, CancelToken::new());
        let span = tracing::info_span!("job", id = %token.job, kind = %kind, attempt = token.attempt);
        let attempt = attempt(Arc::clone(shared), job, cancel.clone(), place);
        let handle = tokio::spawn(attempt.instrument(span));
        Attempt { token, kind, queue, cancel, handle }
    });
    if !started {
        shared.report(token, Outcome::Released(Duration::ZERO), Duration::ZERO);
    }
}

async fn attempt(shared: Arc<Shared>, job: Claimed, cancel: CancelToken, place: Place) {
    let definition = shared.registry.find(&job.kind).cloned();
    let mut place = Some(place);
    let (outcome, retry_in) = match definition {
        Some(definition) => {
            let outcome = match admitted(&shared, &definition, &job, &cancel, place.as_ref()).await {
                Ok(limiter) => {
                    // Showing and dropping a user's error may panic as well, when the function itself has ended.
                    let caught = Caught::new(Box::pin(run(&shared, &definition, &job, cancel, &mut place)));
                    let subject = || Subject::Job(Arc::clone(&job.kind), definition.place());
                    let ended = Watched::new(caught, subject).await;
                    let outcome = ended.unwrap_or_else(|panic| Outcome::Failed(panicked(&job, &panic).to_string()));
                    if let Some(limiter) = limiter {
                        heed(&shared, &limiter, &outcome);
                    }
                    outcome
                }
                Err(given_back) => given_back,
            };
            let retry_in = match outcome {
                Outcome::Failed(_) => retry_in(&shared, &definition, job.token.attempt),
                _ => Duration::ZERO,
            };
            (outcome, retry_in)
        }
        None => (Outcome::Released(shared.jittered(SOON)), Duration::ZERO),
    };
    if let Some(error) = outcome.error() {
        tracing::warn!(error, "the attempt failed");
    }
    if shared.running.end(&job.token) {
        shared.report(job.token, outcome, retry_in);
    }
    // After the report, so that the store has it before it is asked for the next job.
    drop(place);
}

/// What a function came to: its result, or an error that kept it from having one.
type Ended = Result<Result<Json, TaskError>, Error>;

async fn run(
    shared: &Arc<Shared>,
    definition: &Definition,
    job: &Claimed,
    cancel: CancelToken,
    place: &mut Option<Place>,
) -> Outcome {
    let context =
        Context::of_job(job.token, Arc::clone(&job.kind), job.max_attempts, cancel.clone(), Arc::clone(&shared.store));
    let work = match catch(|| definition.run(&job.args, context, &shared.states)) {
        Ok(Ok(work)) => work,
        Ok(Err(error)) => return not_begun(&job.kind, &error),
        Err(panic) => return Outcome::Failed(panicked(job, &panic).to_string()),
    };
    let limit = job.timeout.or(definition.options().timeout);
    let ended = match work {
        Work::Async(future) => {
            let caught = Caught::new(future);
            within(shared, limit, async { caught.await.map_err(|panic| panicked(job, &panic)) }).await
        }
        Work::Blocking(f) => {
            let pool = BlockingPool::of_task(definition.options(), || shared.pool.clone());
            within(shared, limit, blocking(shared, &pool, job, &cancel, place.take(), f)).await
        }
        _ => Some(Ok(Err(TaskError::new("this worker does not know how to run this sort of task")))),
    };
    match (ended, limit) {
        (Some(ended), _) => outcome_of(shared, ended, &job.kind),
        (None, limit) => {
            // A blocking function cannot be stopped, only told.
            cancel.cancel();
            Outcome::Failed(Error::timed_out(&job.kind, limit.unwrap_or_default()).to_string())
        }
    }
}

/// What `future` comes to, or `None` when the time is over.
async fn within<T>(shared: &Shared, limit: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    let Some(limit) = limit else { return Some(future.await) };
    tokio::select! {
        biased;
        output = future => Some(output),
        () = shared.clock.sleep(limit) => None,
    }
}

/// Runs a function on a blocking pool. It keeps its place until it really ends, whether or not somebody waits.
fn blocking(
    shared: &Arc<Shared>,
    pool: &BlockingPool,
    job: &Claimed,
    cancel: &CancelToken,
    place: Option<Place>,
    f: Box<dyn FnOnce() -> Result<Json, TaskError> + Send>,
) -> impl Future<Output = Ended> + use<> {
    let (running, token, cancel) = (Arc::clone(&shared.running), job.token, cancel.clone());
    pool.run_named(Arc::clone(&job.kind), move || {
        let _place = place;
        if cancel.is_cancelled() {
            return Err(TaskError::cancel("it was cancelled before it began"));
        }
        let _occupying = running.occupy(token);
        f()
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

fn outcome_of(shared: &Shared, ended: Ended, kind: &str) -> Outcome {
    let max_output = shared.settings.max_output_bytes;
    match ended {
        Ok(Ok(output)) if output.size() > max_output => {
            let what = format!("the output of `{kind}`");
            Outcome::Permanent(Error::too_large(&what, output.size(), max_output).to_string())
        }
        Ok(Ok(output)) => Outcome::Completed(output),
        Ok(Err(error)) => failed(&error),
        Err(error) if error.is_pool_full() => {
            tracing::warn!(%error, "the job is given back");
            Outcome::Released(shared.jittered(SOON))
        }
        Err(error) => Outcome::Failed(error.to_string()),
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

fn panicked(job: &Claimed, panic: &Panic) -> Error {
    Error::panicked(&job.kind, panics::message(&**panic))
}

/// The wait before the next attempt. A backoff may be a user's function, which may panic.
fn retry_in(shared: &Shared, definition: &Definition, attempt: u32) -> Duration {
    let mut random = shared.random();
    catch(|| definition.options().backoff.wait(attempt, &mut random)).unwrap_or_else(|panic| {
        tracing::warn!(panic = panics::message(&*panic), "the backoff panicked: the default is used");
        sidetask_core::Backoff::default().wait(attempt, &mut random)
    })
}
