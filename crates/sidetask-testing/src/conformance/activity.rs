//! How much was done.

use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Activity, Clock, NewJob, Purge, State, Timestamp, Verdict};

use crate::Harness;
use crate::harness::{HOUR, LEASE, QUEUE, SECOND, done, failed, in_queue, later, work};

const MINUTE: Duration = Duration::from_secs(60);

async fn since(h: &Harness, since: Timestamp) -> Vec<Activity> {
    h.store.operate().activity(since).await.unwrap()
}

async fn all(h: &Harness) -> Vec<Activity> {
    since(h, Timestamp::from_micros(0)).await
}

/// This minute's, of the suite's queue.
async fn now(h: &Harness) -> Activity {
    let now = Activity::minute_of(h.clock.now());
    let of_now = since(h, now).await.into_iter().find(|activity| activity.minute == now && activity.queue == QUEUE);
    of_now.unwrap_or_else(|| Activity::empty(now, QUEUE.to_owned()))
}

/// Stands at the beginning of a minute, so that a few seconds stay in it.
fn begin_minute(h: &Harness) {
    h.clock.set(Activity::minute_of(h.clock.now()).after(MINUTE));
}

/// Each outcome counts as what it is, whatever becomes of the job.
pub async fn counts_every_outcome(h: Harness) {
    assert_eq!(all(&h).await, []);
    begin_minute(&h);
    let again = Outcome::RetryAfter(SECOND, "again".to_owned());
    for (outcome, max_attempts, is_asked_to_stop, [completed, failed, discarded, attempts]) in [
        (done(), 1, false, [1, 0, 0, 1]),
        (done(), 1, true, [0, 0, 0, 1]),
        (failed(), 2, false, [0, 1, 0, 1]),
        (failed(), 1, false, [0, 1, 1, 1]),
        (failed(), 2, true, [0, 1, 0, 1]),
        (again.clone(), 2, false, [0, 1, 0, 1]),
        (again, 1, false, [0, 1, 1, 1]),
        (Outcome::Permanent("no".to_owned()), 9, false, [0, 1, 1, 1]),
        (Outcome::Cancelled("no".to_owned()), 9, false, [0, 0, 0, 1]),
        (Outcome::Snoozed(SECOND), 9, false, [0, 0, 0, 1]),
        (Outcome::Released(SECOND), 9, false, [0, 0, 0, 0]),
    ] {
        let before = now(&h).await;
        let token = h.running(NewJob { max_attempts, ..work() }).await;
        if is_asked_to_stop {
            h.cancel(token.job).await;
        }
        assert_eq!(now(&h).await, before, "only an end counts");
        h.finish(token, outcome.clone()).await;
        let mut expected = before;
        expected.completed += completed;
        expected.failed += failed;
        expected.discarded += discarded;
        expected.attempts += attempts;
        assert_eq!(now(&h).await, expected, "{outcome:?}");
    }
}

/// Waiting counts from when a job was due, running from when its attempt began.
pub async fn adds_up_times(h: Harness) {
    begin_minute(&h);
    h.add(later(SECOND * 5)).await;
    h.clock.advance(SECOND * 7);
    h.store.promote(10).await.unwrap();
    let worker = h.worker().await;
    let first = h.claim_only(worker).await;
    h.clock.advance(SECOND * 3);
    h.add(work()).await;
    h.clock.advance(SECOND);
    let second = h.claim_only(worker).await;
    h.clock.advance(SECOND * 10);
    h.finish(second, failed()).await;
    let expected = Activity {
        failed: 1,
        attempts: 1,
        waited: SECOND,
        ran: SECOND * 10,
        longest: SECOND * 10,
        ..Activity::empty(h.clock.now(), QUEUE.to_owned())
    };
    assert_eq!(now(&h).await, expected);
    h.finish(first, done()).await;
    let both =
        Activity { completed: 1, attempts: 2, waited: SECOND * 3, ran: SECOND * 24, longest: SECOND * 14, ..expected };
    assert_eq!(now(&h).await, both);
    h.store.promote(10).await.unwrap();
    h.clock.advance(crate::harness::RETRY_IN);
    h.store.promote(10).await.unwrap();
    let third = h.claim_only(worker).await;
    h.finish(third, done()).await;
    let third = Activity { completed: 2, attempts: 3, ..both };
    assert_eq!(now(&h).await, third, "a retry waits from when it is due");
}

/// Several reports of one call all count, and those that are refused do not.
pub async fn counts_what_is_accepted(h: Harness) {
    begin_minute(&h);
    let mut finishes = Vec::new();
    for queue in [QUEUE, "other", QUEUE] {
        let token = h.running(in_queue(queue)).await;
        for _ in 0..2 {
            finishes.push(sidetask_core::Finish { token, outcome: done(), retry_in: SECOND, log: None });
        }
    }
    let verdicts = h.store.finish(finishes).await.unwrap();
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::LeaseLost).count(), 3);
    let counted: Vec<_> = all(&h).await.into_iter().map(|done| (done.queue, done.completed, done.attempts)).collect();
    assert_eq!(counted, [(QUEUE.to_owned(), 2, 2), ("other".to_owned(), 1, 1)]);
}

/// A rescue counts as a failure of an attempt of which nobody knows how long it ran; leaving counts as nothing.
pub async fn counts_what_is_rescued(h: Harness) {
    begin_minute(&h);
    h.running(work()).await;
    h.running(NewJob { max_attempts: 1, ..work() }).await;
    h.clock.advance(LEASE + SECOND);
    assert_eq!(h.store.rescue(10).await.unwrap().len(), 2);
    let expected = Activity { failed: 2, discarded: 1, ..Activity::empty(h.clock.now(), QUEUE.to_owned()) };
    assert_eq!(now(&h).await, expected);
    let worker = h.worker().await;
    h.claim_only(worker).await;
    h.store.leave(worker).await.unwrap();
    assert_eq!(now(&h).await, expected);
}

/// Each minute and each queue has its own, the earliest first, and those since a time include its minute.
pub async fn keeps_minutes_and_queues_apart(h: Harness) {
    begin_minute(&h);
    let first = h.clock.now();
    for _ in 0..3 {
        for queue in ["b", "a"] {
            let token = h.running(in_queue(queue)).await;
            h.finish(token, done()).await;
        }
        h.clock.advance(MINUTE);
    }
    let row = |minute: u32, queue: &str| (first.after(MINUTE * minute), queue.to_owned(), 1);
    let rows = async |from: Timestamp| {
        let since = since(&h, from).await;
        since.into_iter().map(|done| (done.minute, done.queue, done.completed)).collect::<Vec<_>>()
    };
    let expected = [row(0, "a"), row(0, "b"), row(1, "a"), row(1, "b"), row(2, "a"), row(2, "b")];
    assert_eq!(rows(first).await, expected);
    assert_eq!(rows(first.before(HOUR)).await, expected);
    assert_eq!(rows(first.after(MINUTE + SECOND * 59)).await, expected[2..]);
    assert_eq!(rows(h.clock.now()).await, []);
}

/// It outlives its jobs for as long as it says, and is forgotten by a purge after that.
pub async fn is_kept_for_a_day(h: Harness) {
    begin_minute(&h);
    let token = h.running(work()).await;
    h.finish(token, done()).await;
    let purge = Purge { state: State::Completed, older_than: Duration::ZERO, limit: 10 };
    assert_eq!(h.store.purge(purge).await.unwrap(), 1);
    h.clock.advance(Activity::KEPT);
    h.store.purge(purge).await.unwrap();
    assert_eq!(all(&h).await.len(), 1);
    h.clock.advance(MINUTE * 2);
    h.store.purge(purge).await.unwrap();
    assert_eq!(all(&h).await, []);
}
