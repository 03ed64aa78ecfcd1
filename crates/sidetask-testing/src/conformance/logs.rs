//! What attempts log.

use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{AttemptLog, JobId, JobRecord, NewJob, Progress, ProgressUpdate, Purge, State, Token, Verdict};

use crate::Harness;
use crate::harness::{LEASE, SECOND, done, failed, named, work};

async fn logs(h: &Harness, job: JobId) -> Vec<AttemptLog> {
    h.store.operate().logs(job).await.unwrap()
}

fn log(attempt: u32, text: &str) -> AttemptLog {
    AttemptLog { attempt, text: text.to_owned() }
}

async fn progress(h: &Harness, token: Token, progress: Option<Progress>, log: Option<&str>) -> Verdict {
    h.store.progress(vec![ProgressUpdate { token, progress, log: log.map(Into::into) }]).await.unwrap()[0]
}

/// What an attempt is reported with is kept, however it ended; what logged nothing has none.
pub async fn are_kept_of_every_outcome(h: Harness) {
    let outcomes = [
        done(),
        failed(),
        Outcome::Permanent("no".to_owned()),
        Outcome::Cancelled("no".to_owned()),
        Outcome::Snoozed(SECOND),
        Outcome::Released(SECOND),
    ];
    for outcome in outcomes {
        let (token, silent) = (h.running(work()).await, h.running(work()).await);
        let text = format!("begun\nended with {outcome:?}");
        assert!(matches!(h.finish_with(token, outcome.clone(), Some(&text)).await, Verdict::Accepted(_)));
        h.finish(silent, outcome).await;
        assert_eq!(logs(&h, token.job).await, [log(1, &text)]);
        assert_eq!(logs(&h, silent.job).await, []);
    }
    assert_eq!(logs(&h, h.new_id()).await, [], "nothing of a job that is not there");
}

/// Progress brings what was logged so far, in place of what it brought before, and without changing the progress.
pub async fn grow_while_the_attempt_runs(h: Harness) {
    let token = h.running(work()).await;
    let half = Progress { done: 1, total: 2, message: None };
    progress(&h, token, Some(half.clone()), Some("one")).await;
    assert_eq!(logs(&h, token.job).await, [log(1, "one")]);
    progress(&h, token, None, Some("one\ntwo")).await;
    assert_eq!(logs(&h, token.job).await, [log(1, "one\ntwo")]);
    assert_eq!(h.job(token.job).await.progress, Some(half.clone()), "it was not reported again");
    progress(&h, token, Some(half), None).await;
    assert_eq!(logs(&h, token.job).await, [log(1, "one\ntwo")], "a report without log leaves it");
    h.finish(token, failed()).await;
    assert_eq!(logs(&h, token.job).await, [log(1, "one\ntwo")], "as the end without log does");

    h.retry(token.job).await;
    let again = h.claim_only(token.worker).await;
    progress(&h, again, None, Some("first")).await;
    h.finish_with(again, done(), Some("all")).await;
    assert_eq!(logs(&h, token.job).await, [log(1, "one\ntwo"), log(2, "all")]);
}

/// Each attempt has its own, the first one first. An attempt that was given back is no attempt: the next one of its number
/// writes over it.
pub async fn are_kept_by_attempt(h: Harness) {
    let mut token = h.running(NewJob { max_attempts: 9, ..work() }).await;
    for (attempt, outcome, text) in [
        (1, failed(), "one"),
        (2, Outcome::Snoozed(Duration::ZERO), "asleep"),
        (2, failed(), "two"),
        (3, Outcome::Released(Duration::ZERO), "given back"),
        (3, done(), "three"),
    ] {
        assert_eq!(token.attempt, attempt);
        h.finish_with(token, outcome, Some(text)).await;
        assert_eq!(logs(&h, token.job).await.last(), Some(&log(attempt, text)));
        if text != "three" {
            h.retry(token.job).await;
            token = h.claim_only(token.worker).await;
        }
    }
    assert_eq!(logs(&h, token.job).await, [log(1, "one"), log(2, "two"), log(3, "three")]);
}

/// Only the holder's count: what a report brings that is refused is refused with it.
pub async fn are_refused_of_who_is_not_the_holder(h: Harness) {
    let stale = h.running(work()).await;
    progress(&h, stale, None, Some("before")).await;
    h.clock.advance(LEASE + SECOND);
    h.store.rescue(10).await.unwrap();
    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    assert_eq!(progress(&h, stale, None, Some("stale")).await, Verdict::LeaseLost);
    assert_eq!(h.finish_with(stale, done(), Some("stale")).await, Verdict::LeaseLost);
    assert_eq!(logs(&h, token.job).await, [log(1, "before")]);
    h.finish_with(token, done(), Some("current")).await;
    assert_eq!(h.finish_with(token, done(), Some("again")).await, Verdict::LeaseLost);
    assert_eq!(logs(&h, token.job).await, [log(1, "before"), log(2, "current")]);
}

/// Of one that is too long the end is kept, whole characters of it.
pub async fn are_cut_to_their_end(h: Harness) {
    let long = format!("begun {} ended", "\u{20ac}".repeat(AttemptLog::BYTES));
    for as_progress in [true, false] {
        let token = h.running(work()).await;
        if as_progress {
            progress(&h, token, None, Some(&long)).await;
        }
        h.finish_with(token, done(), (!as_progress).then_some(&long)).await;
        let kept = logs(&h, token.job).await.remove(0).text;
        assert_eq!(kept, AttemptLog::cut(&long));
        assert!(kept.len() <= AttemptLog::BYTES && kept.ends_with("\u{20ac} ended"), "{} bytes", kept.len());
    }
}

/// Whatever a program logs is kept as it is; of NUL it may be said that it was there.
pub async fn may_be_any_text(h: Harness) {
    let texts =
        ["", "\u{1b}[31mred\u{1b}[0m\r\n\t", "a\0b\0", "'; DROP TABLE jobs; --", "\\u0000 {} \u{202e}\u{10ffff}"];
    for text in texts {
        let token = h.running(work()).await;
        assert_eq!(h.finish_with(token, done(), Some(text)).await, Verdict::Accepted(State::Completed));
        let kept = logs(&h, token.job).await.remove(0).text;
        assert_eq!(kept.replace('\0', "\u{fffd}"), text.replace('\0', "\u{fffd}"));
    }
}

/// Of very many attempts the last are kept.
pub async fn are_bounded_in_number(h: Harness) {
    let mut token = h.running(work()).await;
    for attempt in 1..=25 {
        h.finish_with(token, failed(), Some(&attempt.to_string())).await;
        h.retry(token.job).await;
        token = h.claim_only(token.worker).await;
    }
    let kept = logs(&h, token.job).await;
    let last = 25 - JobRecord::MAX_ERRORS as u32 + 1..=25;
    assert_eq!(kept, last.map(|attempt| log(attempt, &attempt.to_string())).collect::<Vec<_>>());
}

/// They go with their job: a later one of the same id has none of them.
pub async fn go_with_their_job(h: Harness) {
    for by_hand in [false, true] {
        let id = h.new_id();
        let (token, other) = (h.running(named(id)).await, h.running(work()).await);
        for token in [token, other] {
            h.finish_with(token, if token == other { failed() } else { done() }, Some("text")).await;
        }
        if by_hand {
            assert_eq!(h.delete(id).await, Some(State::Completed));
        } else {
            let purge = Purge { state: State::Completed, older_than: Duration::ZERO, limit: 10 };
            assert_eq!(h.store.purge(purge).await.unwrap(), 1);
        }
        assert_eq!(logs(&h, id).await, []);
        assert_eq!(h.add(named(id)).await, id);
        assert_eq!(logs(&h, id).await, []);
        assert_eq!(logs(&h, other.job).await, [log(1, "text")], "another job's stay");
        h.cancel(id).await;
    }
}
