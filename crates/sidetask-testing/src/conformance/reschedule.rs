//! Changing when jobs are due.

use std::time::Duration;

use sidetask_core::{Change, Clock, Promoted, Purge, State, Timestamp, Verdict};

use crate::Harness;
use crate::harness::{HOUR, SECOND, done, ids, later, picture, work};

/// A scheduled job is due at the new time, sooner or later than before, and nothing else of it changes.
pub async fn moves_the_time(h: Harness) {
    let id = h.add(later(HOUR)).await;
    for wait in [HOUR * 3, SECOND] {
        h.clock.advance(SECOND);
        let before = h.job(id).await;
        assert_eq!(h.reschedule(id, wait).await, Some(State::Scheduled));
        let mut after = h.job(id).await;
        assert_eq!(after.run_at, h.clock.now().after(wait));
        after.run_at = before.run_at;
        assert_eq!(picture(&after), picture(&before));
        assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 0, next_in: Some(wait) });
    }
    h.clock.advance(SECOND);
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 1, next_in: None });
    assert_eq!(h.state(id).await, State::Available);
}

/// A job whose time has come waits again, where nobody has made it available yet; the longest wait is kept as well as
/// times go.
pub async fn puts_off_what_is_due_already(h: Harness) {
    let id = h.add(later(SECOND)).await;
    h.clock.advance(SECOND * 2);
    assert_eq!(h.reschedule(id, SECOND * 5).await, Some(State::Scheduled));
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 0, next_in: Some(SECOND * 5) });
    assert_eq!(h.reschedule(id, Duration::MAX).await, Some(State::Scheduled));
    assert!(h.job(id).await.run_at > h.clock.now().after(HOUR * 1_000_000));
    h.clock.advance(HOUR);
    assert_eq!(h.store.promote(10).await.unwrap().moved, 0);
}

/// With no wait it is available at once, due now, and a worker gets it.
pub async fn makes_available_at_once(h: Harness) {
    let id = h.add(later(HOUR)).await;
    h.clock.advance(SECOND);
    assert_eq!(h.reschedule(id, Duration::ZERO).await, Some(State::Available));
    let job = h.job(id).await;
    assert_eq!((job.state, job.run_at, job.attempt), (State::Available, h.clock.now(), 0));
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted::default(), "it is not due twice");

    let worker = h.worker().await;
    let claimed = h.claim(worker, 10).await;
    assert_eq!(ids(&claimed), [id]);
    assert_eq!(claimed[0].token.attempt, 1);
    assert_eq!(h.finish(claimed[0].token, done()).await, Verdict::Accepted(State::Completed));
}

/// A job that is not scheduled stays as it is, the retry of one that failed included.
pub async fn leaves_everything_else(h: Harness) {
    for state in State::ALL.into_iter().filter(|state| *state != State::Scheduled) {
        let id = h.job_in(state, work()).await;
        let before = picture(&h.job(id).await);
        h.clock.advance(SECOND);
        for wait in [Duration::ZERO, SECOND] {
            assert_eq!(h.reschedule(id, wait).await, Some(state));
            assert_eq!(picture(&h.job(id).await), before);
        }
    }
}

/// One answer a job, in order; none for one that is not there.
pub async fn answers_in_order(h: Harness) {
    let gone = h.job_in(State::Discarded, work()).await;
    let purge = Purge { state: State::Discarded, older_than: Duration::ZERO, limit: 1 };
    h.store.purge(purge).await.unwrap();
    let running = h.job_in(State::Running, work()).await;
    let scheduled = h.job_in(State::Scheduled, work()).await;
    let reschedule = async |wait| {
        let jobs = vec![scheduled, gone, running, scheduled];
        h.store.change(jobs, Change::Reschedule(wait)).await.unwrap()
    };
    for (wait, state) in [(SECOND, State::Scheduled), (Duration::ZERO, State::Available)] {
        assert_eq!(reschedule(wait).await, [Some(state), None, Some(State::Running), Some(state)]);
    }
    assert!(h.store.change(Vec::new(), Change::Reschedule(SECOND)).await.unwrap().is_empty());
}

/// Many jobs that were held back are let go by one call, and counted where they are.
pub async fn takes_many(h: Harness) {
    let held = h.enqueue((0..50).map(|_| later(HOUR)).collect()).await;
    let due: Vec<Timestamp> = vec![h.clock.now().after(SECOND); held.len()];
    let states = h.store.change(held.clone(), Change::Reschedule(SECOND)).await.unwrap();
    assert!(states.iter().all(|state| *state == Some(State::Scheduled)));
    let read = h.store.jobs(held.clone()).await.unwrap();
    assert_eq!(read.into_iter().flatten().map(|job| job.run_at).collect::<Vec<_>>(), due);
    assert_eq!((h.count(State::Scheduled).await, h.count(State::Available).await), (50, 0));

    let states = h.store.change(held.clone(), Change::Reschedule(Duration::ZERO)).await.unwrap();
    assert!(states.iter().all(|state| *state == Some(State::Available)));
    assert_eq!((h.count(State::Scheduled).await, h.count(State::Available).await), (0, 50));
    let worker = h.worker().await;
    assert_eq!(ids(&h.claim(worker, 100).await), held);
}
