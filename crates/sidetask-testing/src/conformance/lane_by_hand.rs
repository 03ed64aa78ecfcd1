//! Changing by hand what is in a lane.

use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Change, Clock, Promoted, State};

use super::lane::{LANE, after, assert_held, fill, run};
use crate::Harness;
use crate::harness::{HOUR, SECOND, done, ids, laned, picture};

/// A held job that is cancelled ends; it had no place to free, and its turn passes to the next.
pub async fn cancel_of_a_held_job_frees_nothing(h: Harness) {
    let stored = fill(&h, 1, 4).await;
    assert_eq!(h.cancel(stored[1]).await, Some(State::Cancelled));
    let job = h.job(stored[1]).await;
    assert_eq!((job.state, job.held, job.finished_at), (State::Cancelled, false, Some(h.clock.now())));
    assert_held(&h, &stored[2..], &stored[..1]).await;
    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[0], done()).await, State::Completed);
    assert_held(&h, &stored[3..], &stored[2..3]).await;
    let states = h.store.change(stored.clone(), Change::Cancel).await.unwrap();
    assert_eq!(states[2..], [Some(State::Cancelled); 2]);
    assert!(h.claim(worker, 10).await.is_empty());
}

/// Where it was the only reason to hold those behind it, because its own width is the smaller, they are let in.
pub async fn cancel_of_the_first_held_looks_at_the_next(h: Harness) {
    let stored = h.enqueue(vec![laned(LANE, 1), laned(LANE, 1), laned(LANE, 3), laned(LANE, 3), laned(LANE, 3)]).await;
    assert_held(&h, &stored[1..], &stored[..1]).await;
    h.cancel(stored[1]).await;
    assert_held(&h, &stored[4..], &stored[2..4]).await;
    let worker = h.worker().await;
    assert_eq!(ids(&h.claim(worker, 10).await), [stored[0], stored[2], stored[3]]);
}

/// A job that ended and is retried enters its lane again: behind all others where it is full, at once where it is not.
pub async fn retry_enters_again(h: Harness) {
    let stored = fill(&h, 1, 3).await;
    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[0], Outcome::Permanent("no".to_owned())).await, State::Discarded);
    h.cancel(stored[1]).await;
    assert_held(&h, &[], &stored[2..]).await;
    h.clock.advance(SECOND);
    assert_eq!(h.retry(stored[1]).await, Some(State::Scheduled));
    assert_eq!(h.retry(stored[0]).await, Some(State::Scheduled));
    let fourth = fill(&h, 1, 1).await[0];
    let job = h.job(stored[0]).await;
    assert_eq!((job.state, job.held, job.run_at, job.finished_at), (State::Scheduled, true, h.clock.now(), None));
    assert_eq!((job.attempt, job.max_attempts, job.errors.len()), (1, 3, 1));
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted::default());
    for id in [stored[2], stored[1], stored[0], fourth] {
        assert_eq!(run(&h, worker, id, done()).await, State::Completed);
    }
    assert_eq!(h.retry(stored[0]).await, Some(State::Available));
    let stored = [stored[0], fill(&h, 1, 1).await[0]];
    assert_held(&h, &stored[1..], &stored[..1]).await;
    assert_eq!(run(&h, worker, stored[0], done()).await, State::Completed);
    assert_eq!(run(&h, worker, stored[1], done()).await, State::Completed);
}

/// A held job that is retried is due now, and keeps its turn.
pub async fn retry_of_held(h: Harness) {
    let jobs = vec![laned(LANE, 1), after(HOUR, laned(LANE, 1)), laned(LANE, 1)];
    let stored = h.enqueue(jobs).await;
    h.clock.advance(SECOND);
    let before = h.job(stored[1]).await;
    assert_eq!(h.retry(stored[1]).await, Some(State::Scheduled));
    let mut after = h.job(stored[1]).await;
    assert_eq!(after.run_at, h.clock.now());
    after.run_at = before.run_at;
    assert_eq!(picture(&after), picture(&before));
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted::default());
    let worker = h.worker().await;
    for &id in &stored {
        assert_eq!(run(&h, worker, id, done()).await, State::Completed);
    }
}

/// A held job that is rescheduled stays held, with its turn, and is due at the new time once it is let in.
pub async fn reschedule_of_held(h: Harness) {
    let stored = fill(&h, 1, 3).await;
    for wait in [Duration::ZERO, SECOND, HOUR] {
        h.clock.advance(SECOND);
        assert_eq!(h.reschedule(stored[1], wait).await, Some(State::Scheduled));
        assert_eq!(h.job(stored[1]).await.run_at, h.clock.now().after(wait));
        assert_held(&h, &stored[1..], &stored[..1]).await;
        assert_eq!(h.store.promote(10).await.unwrap(), Promoted::default());
    }
    let worker = h.worker().await;
    assert_eq!(run(&h, worker, stored[0], done()).await, State::Completed);
    assert_held(&h, &stored[2..], &stored[..2]).await;
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 0, next_in: Some(HOUR) });
    assert_eq!(h.reschedule(stored[1], Duration::ZERO).await, Some(State::Available));
    assert_eq!(run(&h, worker, stored[1], done()).await, State::Completed);
    assert_eq!(run(&h, worker, stored[2], done()).await, State::Completed);
}
