//! One delivery of one job: begun in the table, run, ended in the table.

use std::sync::Arc;
use std::time::Duration;

use sidetask::core::lifecycle::Outcome;
use sidetask::core::{Token, Verdict};
use sidetask::{CancelToken, Context, Deadline, Definition, Error, JobId, Json, Timestamp};
use tracing::Instrument as _;

use super::Inner;
use super::follow::{End, Standing, Then, follow};
use super::keep::{self, Begun, Delivery, Keep, Reporter};
use crate::payload::Stored;
use crate::zappa;

/// A job that was delivered.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) kind: Arc<str>,
    pub(super) args: Args,
    pub(super) max_attempts: u32,
    pub(super) timeout: Option<Duration>,
    /// What the result is kept under, where it is kept.
    pub(super) response_id: Option<Arc<str>>,
    /// Where it is kept.
    pub(super) keep: Option<Arc<dyn Keep>>,
}

/// Its arguments, in the form in which they came.
#[derive(Debug)]
pub(super) enum Args {
    Inline(Json),
    Stored(Stored),
    Zappa(Box<zappa::Message>),
}

/// What is known of the delivery.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    /// Names the event: the same for every try that the service makes of one event.
    pub(super) holder: String,
    /// How often it came, where the service counts.
    pub(super) receives: Option<u32>,
    /// How often it comes at most.
    pub(super) most: u32,
    /// When a function is stopped, so that what became of it can still be recorded.
    pub(super) stops: Timestamp,
    /// Until when that may be tried.
    pub(super) records: Timestamp,
    /// When the environment is stopped.
    pub(super) ends: Timestamp,
}

/// How a delivery ended that the service is done with.
#[derive(Debug)]
pub(super) enum Done {
    /// The attempt ended, and so did the job.
    Ended(End),
    /// It had ended before, with this output where that is known.
    Before(Option<Json>),
    /// Others have ended it since.
    Lost,
}

/// A delivery that the service is to make again.
#[derive(Debug)]
pub(super) struct GivenBack {
    pub(super) error: Error,
    /// After this long, where that can be chosen.
    pub(super) wait: Option<Duration>,
}

impl From<Error> for GivenBack {
    fn from(error: Error) -> Self {
        Self { error, wait: None }
    }
}

/// An attempt that was begun.
struct Begin {
    token: Token,
    definition: Option<Arc<Definition>>,
    standing: Standing,
    /// Whether earlier attempts, of which nothing was heard, were all that it may have.
    is_over: bool,
}

impl Inner {
    /// Runs a job, unless its table says that it is done or in other hands.
    pub(super) async fn deliver(&self, job: &Job, delivered: &Delivered) -> Result<Done, GivenBack> {
        self.time_left(job, delivered)?;
        let begin = match self.begin(job, delivered).await? {
            Ok(begin) => begin,
            Err(done) => return Ok(done),
        };
        let span = tracing::info_span!("job", id = %job.id, kind = %job.kind, attempt = begin.token.attempt);
        self.attempt(job, delivered, begin).instrument(span).await
    }

    async fn begin(&self, job: &Job, delivered: &Delivered) -> Result<Result<Begin, Done>, GivenBack> {
        let definition = self.executor.find(&job.kind).cloned();
        let (attempt, fence, begun, is_over) = match &job.keep {
            None => {
                let attempt = delivered.receives.unwrap_or(1);
                // A message may be received without having been run.
                (attempt, attempt.into(), attempt.into(), false)
            }
            Some(keep) => {
                let Job { id, kind, max_attempts, .. } = job;
                let delivery = Delivery {
                    id: *id,
                    kind: Arc::clone(kind),
                    max_attempts: *max_attempts,
                    holder: delivered.holder.clone(),
                    until: delivered.ends,
                };
                let now = self.now();
                let begun = tokio::time::timeout(delivered.records.since(now), keep.begin(&delivery, now)).await;
                let late = |elapsed| Error::storage("the table of responses did not answer in time", elapsed);
                match begun.map_err(late)?? {
                    Begun::Run { attempt, fence, begun } => {
                        let is_over = attempt.is_some_and(|attempt| attempt > (*max_attempts).max(1));
                        (attempt.or(delivered.receives).unwrap_or(1), fence, begun, is_over)
                    }
                    Begun::Ended(output) => {
                        tracing::info!(%id, %kind, "delivered again after its end: it is not run");
                        return Ok(Err(Done::Before(output)));
                    }
                    Begun::Held { until } => {
                        let what = format!("job {id} is being run by another delivery, until {until} at the latest");
                        let wait = Some(until.since(now));
                        return Err(GivenBack { error: Error::storage_busy(what, "its lease is held"), wait });
                    }
                }
            }
        };
        // Where nobody counts the deliveries, the number of times that it was begun is the nearest to it.
        let deliveries = delivered.receives.map_or(begun, u64::from);
        let is_last = deliveries >= delivered.most.into();
        let standing = Standing { attempt, max_attempts: job.max_attempts, is_last };
        let token = Token { job: job.id, attempt, fence, worker: self.worker };
        Ok(Ok(Begin { token, definition, standing, is_over }))
    }

    async fn attempt(&self, job: &Job, delivered: &Delivered, begin: Begin) -> Result<Done, GivenBack> {
        let Begin { token, definition, standing, is_over } = begin;
        let (mut end, then, error) = match definition {
            Some(_) if is_over => {
                let error = format!(
                    "it was begun {} times, and nothing was heard of the last attempt: its environment died or was stopped",
                    job.max_attempts
                );
                tracing::warn!(error, "the attempts are used up: it is not run");
                let (end, then) = follow(Outcome::Failed(error), standing);
                (end, then, None)
            }
            Some(definition) => {
                let Some(outcome) = self.run(job, delivered, &definition, token).await else {
                    tracing::warn!("another delivery has taken the job over: this one was stopped");
                    return self.lost(job, delivered).await;
                };
                if let Some(error) = outcome.error() {
                    tracing::warn!(error, "the attempt failed");
                }
                let (end, then) = follow(outcome, standing);
                (end, then, None)
            }
            None => {
                let error = Error::unknown_kind(&job.kind);
                tracing::error!(%error, "nothing was run");
                // The service keeps it among its dead letters, for a handler that knows the kind.
                let standing = Standing { max_attempts: u32::MAX, ..standing };
                let (mut end, then) = follow(Outcome::Failed(error.to_string()), standing);
                // A handler that knows the kind finds as many attempts left as there were.
                if let End::Again { snoozed, .. } = &mut end {
                    *snoozed = true;
                }
                (end, then, Some(error))
            }
        };
        if let Some(keep) = &job.keep {
            let clock = &**self.executor.clock();
            match keep::finish(&**keep, job.id, token.fence, &mut end, delivered.records, clock).await {
                Ok(Verdict::Accepted(_)) => {}
                Ok(Verdict::LeaseLost) => {
                    tracing::warn!(
                        "what became of the attempt was not recorded: another delivery has the job, or ended it"
                    );
                    return self.lost(job, delivered).await;
                }
                Err(error) => {
                    tracing::error!(%error, "what became of the attempt could not be recorded: the job will run again");
                    return Err(error.into());
                }
            }
        }
        match then {
            Then::Acknowledge => Ok(Done::Ended(end)),
            Then::GiveBack(wait) => {
                let error = error.unwrap_or_else(|| {
                    let what = format_args!("attempt {} of job {} (`{}`)", token.attempt, job.id, job.kind);
                    Error::failed(what, text_of(end))
                });
                Err(GivenBack { error, wait })
            }
        }
    }

    /// Acknowledges a job that others took over only once it has ended. A queue may take both deliveries for one message,
    /// and forget it with the first that is acknowledged: whoever has the job may still fail or die.
    async fn lost(&self, job: &Job, delivered: &Delivered) -> Result<Done, GivenBack> {
        let Some(keep) = &job.keep else { return Ok(Done::Lost) };
        let ended = tokio::time::timeout(delivered.records.since(self.now()), keep.has_ended(job.id)).await;
        match ended {
            Ok(Ok(true)) => Ok(Done::Lost),
            _ => {
                let what = format!("job {} was taken over by another delivery, and has not ended", job.id);
                Err(Error::storage_busy(what, "its lease is lost").into())
            }
        }
    }

    /// The outcome, or `None` where the job was lost to others meanwhile.
    async fn run(&self, job: &Job, delivered: &Delivered, definition: &Definition, token: Token) -> Option<Outcome> {
        let cancel = CancelToken::new();
        let attempt = async {
            let args = match self.args(job, definition, delivered).await {
                Ok(args) => args,
                Err(error) => return Outcome::Failed(with_causes(&error)),
            };
            let left = match self.time_left(job, delivered) {
                Ok(left) => left,
                Err(error) => return Outcome::Failed(with_causes(&error)),
            };
            let own = [job.timeout, definition.options().timeout];
            let limit = own.into_iter().flatten().fold(left, Duration::min);
            let context = self.context(job, token, cancel.clone(), limit);
            self.bounded(job, self.executor.run(definition, &args, context, Some(limit)).await)
        };
        let Some(keep) = &job.keep else { return Some(attempt.await) };
        let clock = &**self.executor.clock();
        tokio::select! {
            biased;
            outcome = attempt => Some(outcome),
            () = keep::keep_alive(&**keep, job.id, token.fence, clock) => {
                // A function that blocks cannot be stopped, only told.
                cancel.cancel();
                None
            }
        }
    }

    /// An output that is kept nowhere has to fit into the answer.
    fn bounded(&self, job: &Job, outcome: Outcome) -> Outcome {
        match &outcome {
            Outcome::Completed(output) if job.keep.is_none() && output.size() > self.max_output_bytes => {
                let what = format!("the output of `{}`", job.kind);
                Outcome::Permanent(Error::too_large(&what, output.size(), self.max_output_bytes).to_string())
            }
            _ => outcome,
        }
    }

    async fn args(&self, job: &Job, definition: &Definition, delivered: &Delivered) -> Result<Json, Error> {
        match &job.args {
            Args::Inline(args) => Ok(args.clone()),
            Args::Stored(stored) => {
                let left = self.time_left(job, delivered)?;
                let late = |elapsed| Error::storage("the arguments were not read from their bucket in time", elapsed);
                tokio::time::timeout(left, self.fetch(stored)).await.map_err(late)?
            }
            Args::Zappa(message) => zappa::arguments(message, definition),
        }
    }

    fn context(&self, job: &Job, token: Token, cancel: CancelToken, limit: Duration) -> Context {
        let clock = Arc::clone(self.executor.clock());
        let report = Arc::new(Reporter { keep: job.keep.clone(), clock: Arc::clone(&clock) });
        let context = Context::of_delivery(token, Arc::clone(&job.kind), job.max_attempts, cancel, report);
        let context = context.with_deadline(Deadline { at: clock.now().after(limit), clock });
        match &job.response_id {
            Some(id) => context.with_response_id(Arc::clone(id)),
            None => context,
        }
    }

    /// How long a function may run so that there is time to record what became of it.
    fn time_left(&self, job: &Job, delivered: &Delivered) -> Result<Duration, Error> {
        let left = delivered.stops.since(self.now());
        if left.is_zero() {
            let what = format_args!("job {} (`{}`)", job.id, job.kind);
            return Err(Error::failed(what, "no time is left in this invocation: raise the function's timeout"));
        }
        Ok(left)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.executor.clock().now()
    }
}

fn text_of(end: End) -> String {
    match end {
        End::Again { error, .. } | End::Discarded(error) | End::Cancelled(error) => error,
        End::Completed(_) => String::new(),
    }
}

/// The error and what caused it, joined by `: `.
pub(super) fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
