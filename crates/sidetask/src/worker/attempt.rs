//! Running one claimed job.

use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{CancelToken, Claimed, Context, Definition, Finish};
use tracing::Instrument as _;

use super::limited::{admitted, heed};
use super::queues::Place;
use super::running::Attempt;
use super::shared::{Report, Shared};
use crate::executor::retry_in;
use crate::observe::counting::Sample;
use crate::observe::logging::Logged;
use crate::observe::spans;
use crate::panics;

/// About how long a job waits that this worker does not know after all.
const SOON: Duration = Duration::from_secs(1);

/// Begins an attempt, in a task of its own.
pub(super) fn begin(shared: &Arc<Shared>, job: Claimed, place: Place) {
    let (token, sample) = (job.token, Sample::of(&job));
    let started = shared.running.start(token, || {
        let (kind, queue) = (Arc::clone(&job.kind), place.queue);
        let (cancel, store) = (CancelToken::new(), Arc::clone(&shared.store));
        let context = Context::of_job(token, Arc::clone(&kind), job.max_attempts, cancel, store);
        let (span, logged) = Logged::of(|| spans::attempt(&job));
        let watched = (sample.clone(), logged.clone());
        let attempt = attempt(Arc::clone(shared), job, context.clone(), watched, place);
        let handle = tokio::spawn(attempt.instrument(span));
        Attempt { token, kind, queue, context, sample: sample.clone(), logged, handle }
    });
    if !started {
        shared.report(Report::release(token, sample, None));
    }
}

async fn attempt(shared: Arc<Shared>, job: Claimed, context: Context, watched: (Sample, Logged), place: Place) {
    let (mut sample, logged) = watched;
    let definition = shared.executor.find(&job.kind).cloned();
    let mut place = Some(place);
    let (outcome, retry_in) = match definition {
        Some(definition) => {
            let outcome = match admitted(&shared, &definition, &job, context.cancel_token(), place.as_ref()).await {
                Ok(limiter) => {
                    sample.begins(&job, &*shared.clock);
                    let running = run(&shared, &definition, &job, &context, &mut place);
                    let outcome = logged.kept_while(running, job.token, &*shared.store, &*shared.clock).await;
                    sample.ends(&*shared.clock);
                    if let Some(limiter) = limiter {
                        heed(&shared, &limiter, &outcome);
                    }
                    told(outcome, &context)
                }
                Err(given_back) => given_back,
            };
            let retry_in = match outcome {
                Outcome::Failed(_) => retry_in(&definition, job.token.attempt, &mut shared.random()),
                _ => Duration::ZERO,
            };
            (outcome, retry_in)
        }
        None => (Outcome::Released(shared.jittered(SOON)), Duration::ZERO),
    };
    let in_transaction = context.is_completed_in_transaction();
    if let Some(error) = outcome.error()
        && !in_transaction
    {
        spans::ended(&outcome);
        tracing::warn!(error = panics::without_backtrace(error), "the attempt failed");
    }
    if shared.running.end(&job.token) {
        let finish = Finish { token: job.token, outcome, retry_in, log: logged.end() };
        shared.report(Report { finish, in_transaction, sample });
    }
    // After the report, so that the store has it before it is asked for the next job.
    drop(place);
}

async fn run(
    shared: &Arc<Shared>,
    definition: &Definition,
    job: &Claimed,
    context: &Context,
    place: &mut Option<Place>,
) -> Outcome {
    let kind = &job.kind;
    shared.tell_of_start(job.token);
    // A function that blocks takes its place along, and keeps it until it really ends.
    let on_thread = || {
        let (running, token, place) = (Arc::clone(&shared.running), job.token, place.take());
        move || (running.occupy(token), place)
    };
    match shared.executor.run_with(kind, definition, &job.args, context.clone(), job.timeout, on_thread).await {
        Outcome::Released(wait) => Outcome::Released(shared.jittered(wait)),
        outcome => outcome,
    }
}

/// What is reported of an attempt whose function ended so. One that completed its job in a transaction reports a failure:
/// where the transaction was committed the job has ended, and nobody asks; where it was not, the job is to run again.
fn told(outcome: Outcome, context: &Context) -> Outcome {
    match outcome {
        Outcome::Completed(_) if context.is_completed_in_transaction() => {
            Outcome::Failed("the task completed its job in a transaction that was not committed".to_owned())
        }
        outcome => outcome,
    }
}
