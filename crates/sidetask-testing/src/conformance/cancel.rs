//! Calling jobs off.

use std::time::Duration;

use sidetask_core::{Change, Clock, State, Verdict};

use crate::Harness;
use crate::harness::{HOUR, SECOND, done, failed, picture, work};

/// What waits ends at once, is claimed no more and keeps nobody waiting for its time.
pub async fn ends_what_waits(h: Harness) {
    for state in [State::Scheduled, State::Available, State::Retryable] {
        let id = h.job_in(state, work()).await;
        h.clock.advance(SECOND);
        assert_eq!(h.cancel(id).await, Some(State::Cancelled), "{state}");
        let job = h.job(id).await;
        assert_eq!((job.state, job.finished_at), (State::Cancelled, Some(h.clock.now())), "{state}");
        assert!(!job.cancel_requested, "nobody is left to be asked");
        h.clock.advance(HOUR * 2);
        assert_eq!(h.store.promote(10).await.unwrap().moved, 0);
        let worker = h.worker().await;
        assert!(h.claim_from(worker, &[(state.as_str(), 10)]).await.is_empty());
    }
}

/// What runs is asked to stop, and goes on until it reports.
pub async fn asks_what_runs(h: Harness) {
    let token = h.running(work()).await;
    for _ in 0..2 {
        assert_eq!(h.cancel(token.job).await, Some(State::Running));
    }
    let job = h.job(token.job).await;
    assert!(job.cancel_requested);
    assert_eq!((job.state, job.worker, job.finished_at), (State::Running, Some(token.worker), None));
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Cancelled));
    assert_eq!(h.job(token.job).await.output, None);
}

/// What has ended stays as it is.
pub async fn is_too_late_for_what_ended(h: Harness) {
    for state in [State::Completed, State::Cancelled, State::Discarded] {
        let id = h.job_in(state, work()).await;
        let before = picture(&h.job(id).await);
        h.clock.advance(SECOND);
        assert_eq!(h.cancel(id).await, Some(state));
        assert_eq!(picture(&h.job(id).await), before);
    }
}

/// One answer a job, in order; none for one that is not there.
pub async fn answers_in_order(h: Harness) {
    let running = h.job_in(State::Running, work()).await;
    let completed = h.job_in(State::Completed, work()).await;
    let gone = h.job_in(State::Discarded, work()).await;
    let purge = sidetask_core::Purge { state: State::Discarded, older_than: Duration::ZERO, limit: 1 };
    h.store.purge(purge).await.unwrap();
    let available = h.add(work()).await;
    let states = h.store.change(vec![running, gone, completed, available, available], Change::Cancel).await.unwrap();
    let (cancelled, ended) = (Some(State::Cancelled), Some(State::Completed));
    assert_eq!(states, [Some(State::Running), None, ended, cancelled, cancelled]);
    assert!(h.store.change(Vec::new(), Change::Cancel).await.unwrap().is_empty());
}

/// A cancelled job does not come back by itself: not by a failure either.
pub async fn outlasts_a_failure(h: Harness) {
    let token = h.running(work()).await;
    h.cancel(token.job).await;
    assert_eq!(h.finish(token, failed()).await, Verdict::Accepted(State::Cancelled));
    assert_eq!(h.job(token.job).await.errors.len(), 1, "what it said is kept");
}
