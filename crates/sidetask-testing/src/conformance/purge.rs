//! Deleting ended jobs.

use std::time::Duration;

use sidetask_core::{JobId, Purge, State};

use crate::Harness;
use crate::harness::{HOUR, SECOND, work};

async fn purge(h: &Harness, state: State, older_than: Duration, limit: usize) -> usize {
    h.store.purge(Purge { state, older_than, limit }).await.unwrap()
}

/// Only jobs of the state named go.
pub async fn takes_only_its_state(h: Harness) {
    let mut stored = Vec::new();
    for state in State::ALL {
        stored.push((state, h.job_in(state, work()).await));
    }
    assert_eq!(purge(&h, State::Discarded, Duration::ZERO, 100).await, 1);
    for (state, id) in stored {
        assert_eq!(h.find(id).await.is_some(), state != State::Discarded, "{state}");
    }
}

/// What has not ended is never purged, however old.
pub async fn takes_nothing_that_has_not_ended(h: Harness) {
    for state in State::ALL {
        h.job_in(state, work()).await;
    }
    h.clock.advance(HOUR);
    for state in State::ALL.into_iter().filter(|state| !state.is_final()) {
        assert_eq!(purge(&h, state, Duration::ZERO, 100).await, 0, "{state}");
    }
    assert_eq!(h.store.stats().await.unwrap().total().total(), 7);
}

/// Only what ended long enough ago goes, the oldest first, at most as many as asked for.
pub async fn takes_the_oldest_first(h: Harness) {
    let mut stored: Vec<JobId> = Vec::new();
    for _ in 0..6 {
        stored.push(h.job_in(State::Completed, work()).await);
        h.clock.advance(SECOND * 10);
    }
    // They ended 60, 50, 40, 30, 20 and 10 seconds ago.
    assert_eq!(purge(&h, State::Completed, SECOND * 61, 100).await, 0);
    assert_eq!(purge(&h, State::Completed, SECOND * 30, 0).await, 0);
    assert_eq!(purge(&h, State::Completed, SECOND * 30, 3).await, 3);
    for (place, id) in stored.iter().enumerate() {
        assert_eq!(h.find(*id).await.is_some(), place >= 3, "job {place}");
    }
    assert_eq!(purge(&h, State::Completed, SECOND * 30, 3).await, 1, "exactly as old counts");
    assert_eq!(purge(&h, State::Completed, Duration::ZERO, 100).await, 2);
    assert_eq!(purge(&h, State::Completed, Duration::ZERO, 100).await, 0);
    assert_eq!(purge(&h, State::Completed, Duration::MAX, 100).await, 0);
}

/// The age counts from the end of the job, not from when it was stored, and a retry makes it young again.
pub async fn counts_age_from_the_end(h: Harness) {
    let token = h.running(work()).await;
    h.store.heartbeat(token.worker).await.unwrap();
    h.clock.advance(HOUR);
    h.finish(token, crate::harness::done()).await;
    assert_eq!(purge(&h, State::Completed, SECOND, 10).await, 0);
    h.clock.advance(SECOND * 2);
    h.retry(token.job).await;
    assert_eq!(purge(&h, State::Completed, SECOND, 10).await, 0, "it has not ended any more");
    let again = h.claim_only(token.worker).await;
    h.finish(again, crate::harness::done()).await;
    assert_eq!(purge(&h, State::Completed, SECOND, 10).await, 0);
    h.clock.advance(SECOND);
    assert_eq!(purge(&h, State::Completed, SECOND, 10).await, 1);
}
