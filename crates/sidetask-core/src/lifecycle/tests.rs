use super::*;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn running(attempt: u32) -> Standing {
    Standing { state: State::Running, attempt, cancel_requested: false }
}

fn policy(max_attempts: u32) -> Policy {
    Policy { max_attempts, retry_in: SECOND }
}

#[test]
fn each_outcome_leads_where_the_glossary_says() {
    let message = String::from("no");
    let json = Json::from_stored("1");
    #[rustfmt::skip]
    let table = [
        // outcome, attempt, max, state, attempts used, due in
        (Outcome::Completed(json.clone()), 1, 3, State::Completed, 1, None),
        (Outcome::Failed(message.clone()), 1, 3, State::Retryable, 1, Some(SECOND)),
        (Outcome::Failed(message.clone()), 3, 3, State::Discarded, 3, None),
        (Outcome::RetryAfter(SECOND * 9, message.clone()), 2, 3, State::Retryable, 2, Some(SECOND * 9)),
        (Outcome::RetryAfter(SECOND * 9, message.clone()), 3, 3, State::Discarded, 3, None),
        (Outcome::Permanent(message.clone()), 1, 3, State::Discarded, 1, None),
        (Outcome::Cancelled(message.clone()), 1, 3, State::Cancelled, 1, None),
        (Outcome::Snoozed(SECOND), 3, 3, State::Scheduled, 2, Some(SECOND)),
        (Outcome::Released(Duration::ZERO), 3, 3, State::Available, 2, Some(Duration::ZERO)),
        (Outcome::Expired, 1, 3, State::Available, 1, Some(Duration::ZERO)),
        (Outcome::Expired, 3, 3, State::Discarded, 3, None),
    ];
    for (outcome, attempt, max, state, used, due) in table {
        let transition = next(running(attempt), &outcome, policy(max), NOW).unwrap();
        assert_eq!((transition.state, transition.attempt), (state, used), "{outcome:?}");
        assert_eq!(transition.run_at, due.map(|wait| NOW.after(wait)), "{outcome:?}");
    }
}

#[test]
fn what_runs_is_never_deleted_and_what_has_not_ended_only_where_it_is_meant() {
    for state in State::ALL {
        assert_eq!(delete(state, false), state != State::Running, "{state}");
        assert_eq!(delete(state, true), state.is_final(), "{state}");
    }
}

#[test]
fn only_what_is_scheduled_is_rescheduled() {
    #[rustfmt::skip]
    let table = [
        // state, after a while, at once
        (State::Scheduled, Some(State::Scheduled), Some(State::Available)),
        (State::Available, None, None),
        (State::Running, None, None),
        (State::Retryable, None, None),
        (State::Completed, None, None),
        (State::Cancelled, None, None),
        (State::Discarded, None, None),
    ];
    assert_eq!(table.map(|(state, ..)| state), State::ALL);
    for (state, later, at_once) in table {
        for wait in [Duration::from_nanos(1), SECOND, Duration::MAX] {
            assert_eq!(reschedule(state, false, wait), later, "{state} {wait:?}");
        }
        assert_eq!(reschedule(state, false, Duration::ZERO), at_once, "{state}");
    }
}

fn any_state() -> impl Strategy<Value = State> {
    prop::sample::select(State::ALL.to_vec())
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let wait = (0u64..u64::MAX / 2).prop_map(Duration::from_micros);
    prop_oneof![
        Just(Outcome::Completed(Json::from_stored("null"))),
        Just(Outcome::Failed("x".into())),
        wait.clone().prop_map(|wait| Outcome::RetryAfter(wait, "x".into())),
        Just(Outcome::Permanent("x".into())),
        Just(Outcome::Cancelled("x".into())),
        wait.clone().prop_map(Outcome::Snoozed),
        wait.prop_map(Outcome::Released),
        Just(Outcome::Expired),
    ]
}

proptest! {
    #[test]
    fn only_a_running_job_moves(state in any_state(), attempt: u32, max: u32, outcome in any_outcome()) {
        let job = Standing { state, attempt, cancel_requested: false };
        prop_assert_eq!(next(job, &outcome, policy(max), NOW).is_some(), state == State::Running);
    }

    #[test]
    fn attempts_used_never_grow_and_only_a_give_back_returns_one(
        attempt in 1u32.., max: u32, cancelled: bool, outcome in any_outcome(),
    ) {
        let job = Standing { cancel_requested: cancelled, ..running(attempt) };
        let transition = next(job, &outcome, policy(max), NOW).unwrap();
        let gives_back = matches!(outcome, Outcome::Snoozed(_) | Outcome::Released(_)) && !cancelled;
        prop_assert_eq!(transition.attempt, attempt - u32::from(gives_back));
    }

    #[test]
    fn a_failing_job_ends_after_exactly_its_attempts(max in 1u32..50, outcome in any_outcome()) {
        let failing = matches!(outcome, Outcome::Failed(_) | Outcome::RetryAfter(..) | Outcome::Expired);
        prop_assume!(failing);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let transition = next(running(attempts), &outcome, policy(max), NOW).unwrap();
            if transition.state.is_final() {
                break;
            }
        }
        prop_assert_eq!(attempts, max);
    }

    #[test]
    fn a_job_that_runs_again_is_due_and_one_that_ended_is_not(
        attempt in 1u32.., max: u32, cancelled: bool, outcome in any_outcome(),
    ) {
        let job = Standing { cancel_requested: cancelled, ..running(attempt) };
        let transition = next(job, &outcome, policy(max), NOW).unwrap();
        prop_assert_eq!(transition.run_at.is_none(), transition.state.is_final());
        prop_assert!(transition.run_at.is_none_or(|due| due >= NOW));
        prop_assert_ne!(transition.state, State::Running);
        prop_assert_eq!(transition.state == State::Available, transition.run_at == Some(NOW));
    }

    #[test]
    fn a_cancel_request_wins_over_every_outcome(attempt in 1u32.., max: u32, outcome in any_outcome()) {
        let job = Standing { cancel_requested: true, ..running(attempt) };
        let transition = next(job, &outcome, policy(max), NOW).unwrap();
        prop_assert_eq!(transition.state, State::Cancelled);
        prop_assert!(!transition.keeps_output);
    }

    #[test]
    fn cancel_and_retry_leave_no_state_out(state in any_state(), attempt: u32, max: u32) {
        prop_assert_eq!(cancel(state) == Cancellation::TooLate, state.is_final());
        match retry(state, attempt, max) {
            None => prop_assert!(matches!(state, State::Available | State::Running)),
            Some(allowed) => prop_assert!(allowed > attempt || attempt == u32::MAX),
        }
    }
}
