//! One run of a task: its attempts, and the waits between them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::{self, Outcome, Policy, Standing};
use sidetask_core::{Clock, Error, RateLimit, State, SystemClock, TaskError, TaskErrorKind, Timestamp};
use tokio::runtime::Handle;

use super::body::{Attempt, Ended, runs_once};
use super::label::Label;
use super::lent::Lent;
use super::{Rate, Task};
use crate::panics::Catch;
use crate::rate::{self, Limiter};
use crate::stall::{Subject, Watched};

impl<T: Send + 'static> Task<T> {
    /// Runs it to its end. `None`: the list around it wanted it to end before.
    pub(crate) async fn run(&mut self, outer: Option<&Lent>) -> Option<Result<T, Error>> {
        match self.attempts(outer).await {
            Ok(value) => Some(Ok(value)),
            Err(ended) => Some(Err(error_of(ended, &self.label)?)),
        }
    }

    async fn attempts(&mut self, outer: Option<&Lent>) -> Result<T, Ended> {
        let Self { label, body, retry, timeout, rate, lent } = self;
        let lent = &*lent.within(outer);
        let plan = body.prepare(lent).map_err(Ended::Refused)?;
        let retry = retry.as_deref().unwrap_or(&plan.retry);
        let timeout = timeout.or(plan.timeout);
        if retry.max_attempts == 0 {
            let fault = format!("max_attempts of task `{label}` is 0: it must be at least 1");
            return Err(Ended::Refused(Error::configuration(&[fault])));
        }
        if retry.max_attempts > 1 && body.is_once() {
            return Err(Ended::Refused(runs_once(label)));
        }
        let limiter = limiter(rate.as_deref(), plan.rate_limit, label)?;
        pause(plan.delay, label, lent).await?;
        let mut used = 0;
        loop {
            if let Some(limiter) = &limiter {
                lent.unless_stopped(limiter.queue().permit(&SystemClock)).await?;
            }
            let attempt = Attempt { label, number: used + 1, max_attempts: retry.max_attempts, timeout, lent };
            let caught = Catch::new(body.attempt(attempt));
            let watched = Watched::new(caught, || Subject::Task(label.clone(), plan.place));
            let ended = match in_time(timeout, label, watched).await {
                Ok(Ok(Ok(value))) => return Ok(value),
                Ok(Ok(Err(ended))) => ended,
                Ok(Err(panic)) => Ended::Broken(Error::panicked(&label.to_string(), &panic)),
                Err(ended) => ended,
            };
            if let (Some(limiter), Some(wait)) = (&limiter, ended.retry_after()) {
                limiter.pause(SystemClock.elapsed(), wait);
            }
            let retry_in = || retry.backoff.wait(attempt.number, &mut fastrand::Rng::new());
            let (wait, next) = after(ended, attempt, retry_in)?;
            pause(wait, label, lent).await?;
            used = next;
        }
    }
}

/// The error of a task that brought no value; `None` where the list around it wanted it to end.
pub(super) fn error_of(ended: Ended, label: &Label) -> Option<Error> {
    match ended {
        Ended::Stopped => None,
        Ended::Refused(error) | Ended::Broken(error) => Some(error),
        Ended::Failed(error) => Some(Error::failed(format_args!("`{label}`"), error.into_source())),
    }
}

fn limiter(rate: Option<&Rate>, planned: Option<RateLimit>, label: &Label) -> Result<Option<Arc<Limiter>>, Ended> {
    let limit = match rate {
        Some(Rate::Own { per, burst }) => RateLimit::new(label.to_string(), *per, *burst),
        Some(Rate::Of(limit)) => limit.clone(),
        None => match planned {
            Some(limit) => limit,
            None => return Ok(None),
        },
    };
    needs_timer(label)?;
    rate::limiter(&limit).map(Some).map_err(Ended::Refused)
}

impl Ended {
    /// How long nobody should call what this attempt called.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed(error) => match error.kind() {
                TaskErrorKind::RetryAfter(wait) => Some(wait),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What follows an attempt that brought no value: how long to wait and how many attempts are used by then, or the end.
/// It is decided where it is decided for a stored job.
pub(super) fn after(
    ended: Ended,
    of: Attempt<'_>,
    retry_in: impl FnOnce() -> Duration,
) -> Result<(Duration, u32), Ended> {
    let outcome = match &ended {
        Ended::Failed(error) => outcome(error),
        Ended::Broken(_) => Outcome::Failed(String::new()),
        Ended::Refused(_) | Ended::Stopped => return Err(ended),
    };
    let standing = Standing { state: State::Running, attempt: of.number, cancel_requested: false };
    // Nobody waits for another attempt of a list that is about to end, but its failure is still told.
    let max_attempts = if of.lent.is_stopped() { of.number } else { of.max_attempts };
    let policy = Policy { max_attempts, retry_in: retry_in() };
    let now = Timestamp::from_micros(0);
    match (lifecycle::next(standing, &outcome, policy, now), ended) {
        (Some(next), ended) if next.state == State::Cancelled => Err(Ended::Refused(given_up(ended, of.label))),
        (Some(next), ended) => match next.run_at {
            Some(time) => Ok((time.since(now), next.attempt)),
            None => Err(ended),
        },
        (None, ended) => Err(ended),
    }
}

/// The lifecycle's word for an error. It decides by the kind alone, so the text is left out.
fn outcome(error: &TaskError) -> Outcome {
    match error.kind() {
        TaskErrorKind::RetryAfter(wait) => Outcome::RetryAfter(wait, String::new()),
        TaskErrorKind::Permanent => Outcome::Permanent(String::new()),
        TaskErrorKind::Cancel => Outcome::Cancelled(String::new()),
        TaskErrorKind::Snooze(wait) => Outcome::Snoozed(wait),
        _ => Outcome::Failed(String::new()),
    }
}

fn given_up(ended: Ended, label: &Label) -> Error {
    let error = Error::cancelled(format_args!("`{label}`"));
    match ended {
        Ended::Failed(reason) => error.because(reason.into_source()),
        _ => error,
    }
}

async fn in_time<F: Future>(limit: Option<Duration>, label: &Label, future: F) -> Result<F::Output, Ended> {
    let Some(limit) = limit else { return Ok(future.await) };
    needs_timer(label)?;
    let ended = tokio::time::timeout(limit, future).await;
    ended.map_err(|_| Ended::Broken(Error::timed_out(&label.to_string(), limit)))
}

/// Waits, unless the list around it wants an end.
async fn pause(wait: Duration, label: &Label, lent: &Lent) -> Result<(), Ended> {
    if lent.is_stopped() {
        return Err(Ended::Stopped);
    }
    if wait.is_zero() {
        return Ok(());
    }
    needs_timer(label)?;
    lent.unless_stopped(tokio::time::sleep(wait)).await
}

fn needs_timer(label: &Label) -> Result<(), Ended> {
    match Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(Ended::Refused(Error::configuration(&[format!(
            "task `{label}` has a time or rate limit or waits before an attempt, which needs tokio's timer: await it in \
             a tokio runtime with time enabled"
        )]))),
    }
}
