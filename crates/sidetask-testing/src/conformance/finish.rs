//! Ending attempts.

use std::time::Duration;

use sidetask_core::lifecycle::{self, Outcome, Policy, Standing};
use sidetask_core::{Clock, Finish, JobRecord, Json, NewJob, State, Token, Verdict};

use crate::Harness;
use crate::harness::{RETRY_IN, SECOND, done, failed, ids, picture, work, works};

fn outcomes() -> Vec<Outcome> {
    vec![
        done(),
        failed(),
        Outcome::RetryAfter(SECOND * 77, "not yet".to_owned()),
        Outcome::RetryAfter(Duration::ZERO, "at once".to_owned()),
        Outcome::Permanent("hopeless".to_owned()),
        Outcome::Cancelled("not wanted".to_owned()),
        Outcome::Snoozed(SECOND * 33),
        Outcome::Snoozed(Duration::ZERO),
        Outcome::Released(Duration::ZERO),
        Outcome::Released(SECOND * 5),
    ]
}

/// Brings a job to `outcome` and checks every field of it against the lifecycle's answer.
async fn assert_follows_lifecycle(h: &Harness, max_attempts: u32, cancelled: bool, outcome: Outcome) {
    let token = h.running(NewJob { max_attempts, ..work() }).await;
    if cancelled {
        assert_eq!(h.cancel(token.job).await, Some(State::Running));
    }
    let before = h.job(token.job).await;
    h.clock.advance(SECOND);

    let standing = Standing { state: State::Running, attempt: 1, cancel_requested: cancelled };
    let policy = Policy { max_attempts, retry_in: RETRY_IN };
    let expected = lifecycle::next(standing, &outcome, policy, h.clock.now()).unwrap();
    let case = format!("{outcome:?} of {max_attempts}, cancelled: {cancelled}");
    assert_eq!(h.finish(token, outcome.clone()).await, Verdict::Accepted(expected.state), "{case}");

    let job = h.job(token.job).await;
    assert_eq!((job.state, job.attempt, job.worker), (expected.state, expected.attempt, None), "{case}");
    assert_eq!(job.run_at, expected.run_at.unwrap_or(before.run_at), "{case}");
    assert_eq!(job.finished_at, expected.state.is_final().then(|| h.clock.now()), "{case}");
    let output = match &outcome {
        Outcome::Completed(output) if expected.keeps_output => Some(output.clone()),
        _ => None,
    };
    assert_eq!(job.output, output, "{case}");
    let errors: Vec<(u32, &str)> = job.errors.iter().map(|error| (error.attempt, error.message.as_str())).collect();
    assert_eq!(errors, outcome.error().map(|message| (1, message)).into_iter().collect::<Vec<_>>(), "{case}");
    assert!(job.errors.iter().all(|error| error.at == h.clock.now()), "{case}");
    assert_eq!(job.attempted_at, before.attempted_at, "{case}");
    assert_eq!(job.max_attempts, max_attempts, "{case}");

    h.cancel(token.job).await;
}

/// Each outcome leads where the lifecycle says, with attempts left and without.
pub async fn writes_the_lifecycles_answer(h: Harness) {
    for max_attempts in [1, 3] {
        for outcome in outcomes() {
            assert_follows_lifecycle(&h, max_attempts, false, outcome).await;
        }
    }
}

/// A job that was asked to stop ends cancelled, whatever it reports; an output is dropped, an error kept.
pub async fn ends_cancelled_when_asked_to_stop(h: Harness) {
    for outcome in outcomes() {
        assert_follows_lifecycle(&h, 3, true, outcome).await;
    }
}

/// Who is not the holder changes nothing.
pub async fn refuses_who_is_not_the_holder(h: Harness) {
    let token = h.running(work()).await;
    let before = h.job(token.job).await;
    let other = h.worker().await;
    let waiting = h.add(work()).await;
    let forged = [
        Token { worker: other, ..token },
        Token { attempt: token.attempt + 1, ..token },
        Token { attempt: 0, ..token },
        Token { fence: token.fence + 1, ..token },
        Token { fence: token.fence - 1, ..token },
        Token { job: waiting, ..token },
    ];
    for forged in forged {
        assert_eq!(h.finish(forged, done()).await, Verdict::LeaseLost, "{forged:?}");
        assert_eq!(picture(&h.job(token.job).await), picture(&before), "{forged:?}");
    }
    assert_eq!(h.state(waiting).await, State::Available);
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
}

/// A report of a job that is not there any more is a lost lease.
pub async fn refuses_a_purged_job(h: Harness) {
    let token = h.running(work()).await;
    h.finish(token, done()).await;
    let purge = sidetask_core::Purge { state: State::Completed, older_than: Duration::ZERO, limit: 1 };
    assert_eq!(h.store.purge(purge).await.unwrap(), 1);
    assert_eq!(h.finish(token, done()).await, Verdict::LeaseLost);
}

/// A report counts once, also where it is repeated in one batch.
pub async fn counts_a_report_once(h: Harness) {
    let token = h.running(work()).await;
    let report = |outcome| Finish { token, outcome, retry_in: RETRY_IN, log: None };
    let verdicts = h.store.finish(vec![report(done()), report(failed())]).await.unwrap();
    assert_eq!(verdicts, [Verdict::Accepted(State::Completed), Verdict::LeaseLost]);
    let ended = picture(&h.job(token.job).await);
    assert_eq!(h.finish(token, Outcome::Permanent("late".to_owned())).await, Verdict::LeaseLost);
    assert_eq!(picture(&h.job(token.job).await), ended);
}

/// One verdict a report, in order; what is refused spoils nothing else.
pub async fn judges_each_report_for_itself(h: Harness) {
    h.enqueue(works(6)).await;
    let worker = h.worker().await;
    let claimed = h.claim(worker, 6).await;
    let finishes = claimed.iter().enumerate().map(|(n, claimed)| {
        let token = Token { fence: claimed.token.fence + n as u64 % 2, ..claimed.token };
        let outcome = if n < 3 { done() } else { failed() };
        Finish { token, outcome, retry_in: RETRY_IN, log: None }
    });
    let (completed, retryable) = (Verdict::Accepted(State::Completed), Verdict::Accepted(State::Retryable));
    let lost = Verdict::LeaseLost;
    assert_eq!(h.store.finish(finishes.collect()).await.unwrap(), [completed, lost, completed, lost, retryable, lost]);
    for (n, id) in ids(&claimed).into_iter().enumerate() {
        let ended = if n < 3 { State::Completed } else { State::Retryable };
        assert_eq!(h.state(id).await, if n % 2 == 1 { State::Running } else { ended }, "report {n}");
    }
}

/// A late report of a job that runs again takes nothing from the report of the attempt that runs, in the same batch.
pub async fn counts_what_comes_with_a_late_report(h: Harness) {
    for outcome in [done(), failed()] {
        let late = h.running(work()).await;
        h.finish(late, Outcome::Released(Duration::ZERO)).await;
        let token = h.claim_only(late.worker).await;
        let report = |token| Finish { token, outcome: outcome.clone(), retry_in: RETRY_IN, log: None };
        let verdicts = h.store.finish(vec![report(late), report(token), report(token)]).await.unwrap();
        let state = h.state(token.job).await;
        assert_ne!(state, State::Running);
        assert_eq!(verdicts, [Verdict::LeaseLost, Verdict::Accepted(state), Verdict::LeaseLost]);
    }
}

/// No report is no change.
pub async fn accepts_an_empty_batch(h: Harness) {
    assert!(h.store.finish(Vec::new()).await.unwrap().is_empty());
}

/// Of very many errors the last are kept, each with its attempt and cut to length.
pub async fn bounds_the_errors(h: Harness) {
    h.add(NewJob { max_attempts: 100, ..work() }).await;
    let worker = h.worker().await;
    let mut id = None;
    for _ in 0..JobRecord::MAX_ERRORS + 5 {
        let token = h.claim_only(worker).await;
        id = Some(token.job);
        let outcome = Outcome::RetryAfter(Duration::ZERO, "é".repeat(9000));
        assert_eq!(h.finish(token, outcome).await, Verdict::Accepted(State::Available));
    }
    let errors = h.job(id.unwrap()).await.errors;
    let attempts: Vec<u32> = errors.iter().map(|error| error.attempt).collect();
    assert_eq!(attempts, (6..=25).collect::<Vec<u32>>());
    assert!(errors.iter().all(|error| error.message.len() <= sidetask_core::AttemptError::MESSAGE_BYTES));
}

/// Snoozing and giving back use no attempt, and still the next claim has a greater fence: the holder before it is shut
/// out, though the attempt has the same number.
pub async fn fences_what_was_given_back(h: Harness) {
    h.add(NewJob { max_attempts: 1, ..work() }).await;
    let worker = h.worker().await;
    let mut stale: Option<Token> = None;
    for outcome in [Outcome::Snoozed(Duration::ZERO), Outcome::Released(Duration::ZERO), Outcome::Snoozed(SECOND)] {
        let token = h.claim_only(worker).await;
        assert_eq!(token.attempt, 1);
        if let Some(stale) = stale {
            assert!(token.fence > stale.fence);
            assert_eq!(h.finish(stale, done()).await, Verdict::LeaseLost);
        }
        assert!(matches!(h.finish(token, outcome).await, Verdict::Accepted(_)));
        assert_eq!(h.job(token.job).await.attempt, 0);
        stale = Some(token);
    }
    h.clock.advance(SECOND);
    h.store.promote(1).await.unwrap();
    let token = h.claim_only(worker).await;
    assert_eq!(h.finish(token, failed()).await, Verdict::Accepted(State::Discarded), "it was the only attempt");
}

/// A failure that waits for nothing makes the job available at once.
pub async fn retries_at_once_without_backoff(h: Harness) {
    let token = h.running(work()).await;
    let finish = Finish { token, outcome: failed(), retry_in: Duration::ZERO, log: None };
    assert_eq!(h.store.finish(vec![finish]).await.unwrap(), [Verdict::Accepted(State::Available)]);
    let worker = h.worker().await;
    assert_eq!(h.claim_only(worker).await.attempt, 2);
}

/// Outputs come back as the text that was given, damaged or not.
pub async fn keeps_outputs_as_they_are(h: Harness) {
    for text in ["null", "{\"b\": 1, \"a\": 123456789012345678901234567890}", "{damaged"] {
        let token = h.running(work()).await;
        h.finish(token, Outcome::Completed(Json::from_stored(text))).await;
        assert_eq!(h.job(token.job).await.output.unwrap().as_str(), text);
    }
}

/// A report counts while the lease has expired but nobody took the job back.
pub async fn counts_while_nobody_rescued(h: Harness) {
    let token = h.running(work()).await;
    h.clock.advance(crate::harness::LEASE * 2);
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
}
