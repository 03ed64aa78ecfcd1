//! Making available what is due.

use std::time::Duration;

use sidetask_core::{Promoted, State, Verdict};

use crate::Harness;
use crate::harness::{RETRY_IN, SECOND, failed, ids, later, work};

/// Only what is due moves, in the state of a scheduled job as of a retryable one, and keeps its due time.
pub async fn moves_only_what_is_due(h: Harness) {
    let token = h.running(work()).await;
    assert_eq!(h.finish(token, failed()).await, Verdict::Accepted(State::Retryable));
    let soon = h.add(later(RETRY_IN - SECOND)).await;
    let late = h.add(later(RETRY_IN + SECOND)).await;
    let due = h.job(soon).await.run_at;

    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 0, next_in: Some(RETRY_IN - SECOND) });
    h.clock.advance(RETRY_IN - SECOND);
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 1, next_in: Some(SECOND) });
    h.clock.advance(SECOND);
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 1, next_in: Some(SECOND) });

    let job = h.job(soon).await;
    assert_eq!((job.state, job.run_at, job.attempt), (State::Available, due, 0));
    let retried = h.job(token.job).await;
    assert_eq!((retried.state, retried.attempt, retried.errors.len()), (State::Available, 1, 1));
    assert_eq!(h.state(late).await, State::Scheduled);
    let worker = h.worker().await;
    assert_eq!(ids(&h.claim(worker, 10).await), [soon, token.job]);
}

/// The earliest move first, at most as many as asked for.
pub async fn moves_the_earliest_first(h: Harness) {
    let waits = [50, 10, 40, 20, 30];
    let stored = h.enqueue(waits.map(|wait| later(SECOND * wait)).into()).await;
    h.clock.advance(SECOND * 100);
    assert_eq!(h.store.promote(0).await.unwrap(), Promoted { moved: 0, next_in: Some(Duration::ZERO) });
    assert_eq!(h.store.promote(2).await.unwrap(), Promoted { moved: 2, next_in: Some(Duration::ZERO) });
    let mut waiting = Vec::new();
    for &id in &stored {
        if h.state(id).await == State::Scheduled {
            waiting.push(id);
        }
    }
    assert_eq!(waiting, [stored[0], stored[2], stored[4]]);
    assert_eq!(h.store.promote(9).await.unwrap(), Promoted { moved: 3, next_in: None });
}

/// It says when to come again: never, at once, or after exactly so long.
pub async fn says_when_the_next_is_due(h: Harness) {
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 0, next_in: None });
    h.add(work()).await;
    assert_eq!(h.store.promote(10).await.unwrap(), Promoted { moved: 0, next_in: None }, "what waits for a worker");
    let wait = Duration::from_micros(7_000_001);
    let id = h.add(later(wait)).await;
    h.add(later(wait * 2)).await;
    assert_eq!(h.store.promote(10).await.unwrap().next_in, Some(wait));
    h.clock.advance(Duration::from_micros(1));
    assert_eq!(h.store.promote(10).await.unwrap().next_in, Some(SECOND * 7));
    h.cancel(id).await;
    assert_eq!(h.store.promote(10).await.unwrap().next_in, Some(SECOND * 7 + wait), "a cancelled job waits no more");
}
