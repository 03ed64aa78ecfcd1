//! What follows from the end of an attempt, for the response and for the service that delivered it.

use std::time::Duration;

use sidetask::Json;
use sidetask::core::lifecycle::Outcome;

/// What is recorded of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    Completed(Json),
    /// It failed, and the service delivers it again.
    Again {
        error: String,
        /// Whether no attempt was used.
        snoozed: bool,
    },
    /// It failed for good.
    Discarded(String),
    Cancelled(String),
}

/// What the service is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Then {
    /// That it is done with, so that it is not delivered again.
    Acknowledge,
    /// That it failed: after this long, where that can be chosen, it is delivered again, or goes where the service keeps
    /// what it could not deliver.
    GiveBack(Option<Duration>),
}

/// Where a job stands when its attempt ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) attempt: u32,
    pub(super) max_attempts: u32,
    /// Whether the service, as far as is known, does not deliver it again.
    pub(super) is_last: bool,
}

/// What follows when an attempt ends.
pub(super) fn follow(outcome: Outcome, standing: Standing) -> (End, Then) {
    match outcome {
        Outcome::Completed(output) => (End::Completed(output), Then::Acknowledge),
        Outcome::Permanent(error) => (End::Discarded(error), Then::Acknowledge),
        Outcome::Cancelled(reason) => (End::Cancelled(reason), Then::Acknowledge),
        Outcome::Failed(error) => failed(error, None, standing),
        Outcome::RetryAfter(wait, error) => failed(error, Some(wait), standing),
        Outcome::Snoozed(wait) => later("it asked to run later", wait, standing),
        Outcome::Released(wait) => later("its blocking pool was full", wait, standing),
        other => failed(other.error().unwrap_or("it did not end").to_owned(), None, standing),
    }
}

fn failed(error: String, wait: Option<Duration>, standing: Standing) -> (End, Then) {
    if standing.attempt >= standing.max_attempts {
        (End::Discarded(error), Then::Acknowledge)
    } else {
        not_yet(error, false, wait, standing)
    }
}

fn later(why: &str, wait: Duration, standing: Standing) -> (End, Then) {
    not_yet(why.to_owned(), true, Some(wait), standing)
}

/// Given back either way: what the service does not deliver again it keeps among its dead letters.
fn not_yet(error: String, snoozed: bool, wait: Option<Duration>, standing: Standing) -> (End, Then) {
    if standing.is_last {
        let what = if snoozed { ", and was delivered for the last time" } else { "" };
        (End::Discarded(format!("{error}{what}")), Then::GiveBack(None))
    } else {
        (End::Again { error, snoozed }, Then::GiveBack(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(7);

    fn standing(attempt: u32, is_last: bool) -> Standing {
        Standing { attempt, max_attempts: 3, is_last }
    }

    fn again(error: &str, snoozed: bool) -> End {
        End::Again { error: error.to_owned(), snoozed }
    }

    fn discarded(error: &str) -> End {
        End::Discarded(error.to_owned())
    }

    #[test]
    fn what_ended_for_good_is_acknowledged_whatever_is_left() {
        let output = Json::from_stored("7");
        for (attempt, is_last) in [(1, false), (3, false), (9, true)] {
            let standing = standing(attempt, is_last);
            let ended = |outcome| follow(outcome, standing);
            assert_eq!(ended(Outcome::Completed(output.clone())), (End::Completed(output.clone()), Then::Acknowledge));
            assert_eq!(ended(Outcome::Permanent("no".into())), (discarded("no"), Then::Acknowledge));
            assert_eq!(ended(Outcome::Cancelled("no".into())), (End::Cancelled("no".into()), Then::Acknowledge));
        }
    }

    #[test]
    fn a_failure_is_given_back_until_its_attempts_or_the_services_are_used_up() {
        let table = [
            (standing(1, false), again("x", false), Then::GiveBack(None), Then::GiveBack(Some(WAIT))),
            (standing(2, false), again("x", false), Then::GiveBack(None), Then::GiveBack(Some(WAIT))),
            // The job's own limit: nobody is to try again.
            (standing(3, false), discarded("x"), Then::Acknowledge, Then::Acknowledge),
            (standing(3, true), discarded("x"), Then::Acknowledge, Then::Acknowledge),
            // The service's: it keeps the message among its dead letters.
            (standing(2, true), discarded("x"), Then::GiveBack(None), Then::GiveBack(None)),
        ];
        for (standing, end, failed, after) in table {
            assert_eq!(follow(Outcome::Failed("x".into()), standing), (end.clone(), failed), "{standing:?}");
            assert_eq!(follow(Outcome::RetryAfter(WAIT, "x".into()), standing), (end, after), "{standing:?}");
        }
    }

    #[test]
    fn running_later_uses_no_attempt_but_a_delivery() {
        for outcome in [Outcome::Snoozed(WAIT), Outcome::Released(WAIT)] {
            let (end, then) = follow(outcome.clone(), standing(3, false));
            assert!(matches!(end, End::Again { snoozed: true, .. }), "{end:?}");
            assert_eq!(then, Then::GiveBack(Some(WAIT)));
            let (end, then) = follow(outcome, standing(1, true));
            assert!(matches!(end, End::Discarded(text) if text.ends_with("delivered for the last time")));
            assert_eq!(then, Then::GiveBack(None));
        }
    }
}
