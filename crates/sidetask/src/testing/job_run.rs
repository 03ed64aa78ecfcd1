use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;
use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Error, JobRecord, Progress, TaskFunction, Timestamp};

/// What one attempt did and how it ended. `T` is what its function returns.
#[non_exhaustive]
pub struct JobRun<T = serde_json::Value> {
    /// How it ended: [`Outcome::Completed`], [`Outcome::Failed`] (also by a panic, or the end of its time),
    /// [`Outcome::RetryAfter`], [`Outcome::Permanent`], [`Outcome::Cancelled`], [`Outcome::Snoozed`]. Where its worker was
    /// killed before the end, [`Outcome::Expired`].
    pub outcome: Outcome,
    /// Which attempt it was, counted from 1.
    pub attempt: u32,
    /// The job as it is stored after the attempt: its state, when it is due again, the errors of all its attempts.
    pub record: JobRecord,
    /// Every report of progress, in order.
    pub progress: Vec<Progress>,
    /// What it logged, a line an event, of level debug and above: see [`logs`](crate::logs). Tasks that the function spawns
    /// count where they carry the span and the subscriber along (`.in_current_span().with_current_subscriber()`). Where the
    /// test has a subscriber of its own, only what that one's [`logs::layer`](crate::logs::layer) takes down.
    pub log: String,
    /// The jobs that were stored while it ran, by calls that went through the queue's client, as they are when it has
    /// ended. A call that found a job with the same key or id stored none.
    pub enqueued: Vec<JobRecord>,
    pub(super) ended_at: Timestamp,
    pub(super) output: PhantomData<fn() -> T>,
}

impl<T> JobRun<T> {
    /// What the attempt said went wrong; `None` where it completed, or was snoozed.
    pub fn error(&self) -> Option<&str> {
        self.outcome.error()
    }

    /// How long after the attempt its job is due again; `None` where it has ended.
    pub fn next_in(&self) -> Option<Duration> {
        (!self.record.state.is_final()).then(|| self.record.run_at.since(self.ended_at))
    }

    /// The same run, its output read as a `U`.
    pub fn returns<U>(self) -> JobRun<U> {
        let Self { outcome, attempt, record, progress, log, enqueued, ended_at, output: _ } = self;
        JobRun { outcome, attempt, record, progress, log, enqueued, ended_at, output: PhantomData }
    }
}

impl<T: DeserializeOwned> JobRun<T> {
    /// What the function returned.
    ///
    /// # Errors
    /// [`is_failed`](Error::is_failed) where it did not complete, with what it said as the cause;
    /// [`is_decode`](Error::is_decode) where its output is not a `T`.
    pub fn output(&self) -> Result<T, Error> {
        match &self.outcome {
            Outcome::Completed(output) => output.decode(),
            outcome => {
                let what = format_args!("attempt {} of `{}`", self.attempt, self.record.kind);
                Err(Error::failed(what, told(outcome)))
            }
        }
    }
}

/// A job that has not ended, with its arguments.
#[non_exhaustive]
pub struct EnqueuedCall<F: TaskFunction> {
    /// The arguments: for a `#[task]` function a struct with its parameters as fields.
    pub args: F::Args,
    /// The job.
    pub record: JobRecord,
}

impl<F: TaskFunction> fmt::Debug for EnqueuedCall<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueuedCall").field("record", &self.record).finish_non_exhaustive()
    }
}

/// One line for people.
impl<T> fmt::Display for JobRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outcome, attempt, record, .. } = self;
        write!(f, "{} {}, attempt {attempt}: {}", record.kind, record.args.as_str(), told(outcome))
    }
}

impl<T> fmt::Debug for JobRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRun")
            .field("outcome", &self.outcome)
            .field("attempt", &self.attempt)
            .field("record", &self.record)
            .field("progress", &self.progress)
            .field("log", &self.log)
            .field("enqueued", &self.enqueued)
            .finish_non_exhaustive()
    }
}

/// An outcome in words.
pub(super) fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Completed(_) => "completed".to_owned(),
        Outcome::Failed(error) => format!("failed: {error}"),
        Outcome::RetryAfter(wait, error) => format!("failed, again after {wait:?}: {error}"),
        Outcome::Permanent(error) => format!("failed for good: {error}"),
        Outcome::Cancelled(reason) => format!("cancelled: {reason}"),
        Outcome::Snoozed(wait) => format!("snoozed for {wait:?}"),
        Outcome::Released(wait) => format!("given back for {wait:?}"),
        Outcome::Expired => "its worker died".to_owned(),
        other => format!("{other:?}"),
    }
}
