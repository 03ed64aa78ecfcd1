//! What happens next to a job: pure functions, which every store asks and whose answer it keeps.
//!
//! ```text
//!  enqueue ──► scheduled ──due──► available ──claim──► running ──► completed
//!     └──────────────────────────────▲  ▲                 │  ├────► cancelled
//!                                     │  └── give back ────┤  └────► discarded
//!                       retryable ──due─────── failed ────┘
//! ```

use std::time::Duration;

use crate::{Json, State, Timestamp};

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned this.
    Completed(Json),
    /// It failed, panicked or ran out of time, with this message.
    Failed(String),
    /// It failed and says when to try again.
    RetryAfter(Duration, String),
    /// It failed and trying again will not help.
    Permanent(String),
    /// The task itself gave up, for this reason.
    Cancelled(String),
    /// It wants to run later, with no attempt used.
    Snoozed(Duration),
    /// Its worker could not finish it and gives it back, with no attempt used, to run after this long.
    Released(Duration),
    /// Its worker's lease expired.
    Expired,
}

impl Outcome {
    /// What is kept as the attempt's error.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(message) | Self::RetryAfter(_, message) | Self::Permanent(message) => Some(message),
            Self::Cancelled(reason) => Some(reason),
            Self::Expired => Some("the worker's lease expired: it died, was stopped, or lost the store"),
            Self::Completed(_) | Self::Snoozed(_) | Self::Released(_) => None,
        }
    }
}

/// Where a job stands when its attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores build it from their rows, and a new field must stop them")]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// The attempts used, this one included.
    pub attempt: u32,
    /// Whether somebody asked it to stop.
    pub cancel_requested: bool,
}

/// What applies to a job's failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores build it from their rows, and a new field must stop them")]
pub struct Policy {
    /// How many attempts it may use.
    pub max_attempts: u32,
    /// How long to wait after this failure: drawn from the kind's [`Backoff`](crate::Backoff).
    pub retry_in: Duration,
}

/// What a store has to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The new state.
    pub state: State,
    /// The attempts used from now on.
    pub attempt: u32,
    /// When the job is due, where it is to run again.
    pub run_at: Option<Timestamp>,
    /// Whether the outcome's output is kept.
    pub keeps_output: bool,
}

/// What follows when an attempt ends. `None`: the job is not running, so whoever reports has lost its lease.
pub fn next(job: Standing, outcome: &Outcome, policy: Policy, now: Timestamp) -> Option<Transition> {
    if job.state != State::Running {
        return None;
    }
    let end = |state| Transition { state, attempt: job.attempt, run_at: None, keeps_output: false };
    let again = |state, attempt, wait: Duration| {
        let state = if wait.is_zero() { State::Available } else { state };
        Transition { state, attempt, run_at: Some(now.after(wait)), keeps_output: false }
    };
    let failed = |wait| {
        if job.attempt >= policy.max_attempts {
            end(State::Discarded)
        } else {
            again(State::Retryable, job.attempt, wait)
        }
    };
    if job.cancel_requested {
        return Some(end(State::Cancelled));
    }
    Some(match outcome {
        Outcome::Completed(_) => Transition { keeps_output: true, ..end(State::Completed) },
        Outcome::Failed(_) => failed(policy.retry_in),
        Outcome::RetryAfter(wait, _) => failed(*wait),
        Outcome::Expired => failed(Duration::ZERO),
        Outcome::Permanent(_) => end(State::Discarded),
        Outcome::Cancelled(_) => end(State::Cancelled),
        Outcome::Snoozed(wait) | Outcome::Released(wait) => {
            again(State::Scheduled, job.attempt.saturating_sub(1), *wait)
        }
    })
}

/// What a cancellation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancellation {
    /// The job ends here: it becomes `cancelled`.
    Now,
    /// An attempt runs: it is asked to stop, and whatever it reports, the job ends `cancelled`.
    Request,
    /// The job has ended already; nothing changes.
    TooLate,
}

/// What cancelling a job in `state` does.
pub const fn cancel(state: State) -> Cancellation {
    match state {
        State::Scheduled | State::Available | State::Retryable => Cancellation::Now,
        State::Running => Cancellation::Request,
        State::Completed | State::Cancelled | State::Discarded => Cancellation::TooLate,
    }
}

/// What a retry by hand does to a job in `state`: the number of attempts that it may use from now on, with the job due
/// now, and where it [`waits`] then; `None` where it runs or waits for a worker already.
pub const fn retry(state: State, attempt: u32, max_attempts: u32) -> Option<u32> {
    match state {
        State::Available | State::Running => None,
        _ if attempt >= max_attempts => Some(attempt.saturating_add(1)),
        _ => Some(max_attempts),
    }
}

/// Whether a job in `state` goes where it is to be deleted: one that runs stays, and any that has not ended where only
/// those are meant that have.
pub const fn delete(state: State, only_ended: bool) -> bool {
    state.is_final() || (!only_ended && !matches!(state, State::Running))
}

/// Which state a job in `state` is in once it is to be due after `wait`, counted from now; `None` where it is not
/// scheduled, and stays as it is. One that is held in its lane remains so. Whoever holds back a new job must not move the
/// retry of one that was begun meanwhile.
pub const fn reschedule(state: State, is_held: bool, wait: Duration) -> Option<State> {
    match state {
        State::Scheduled => Some(waits(is_held, !wait.is_zero())),
        _ => None,
    }
}

/// Which state a job is in that waits: one that is not due yet, or that is held in its [lane](crate::Lane), is
/// `scheduled`, any other `available`. For a job that is stored, let in, retried or rescheduled.
pub const fn waits(is_held: bool, is_ahead: bool) -> State {
    if is_held || is_ahead { State::Scheduled } else { State::Available }
}

#[cfg(test)]
mod tests;
