//! Running jobs again by hand.

use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Change, Clock, NewJob, State, Verdict};

use crate::Harness;
use crate::harness::{SECOND, done, failed, picture, work, works};

/// From every other state a job becomes available, due now, and a worker gets it.
pub async fn makes_available(h: Harness) {
    for state in [State::Scheduled, State::Retryable, State::Completed, State::Cancelled, State::Discarded] {
        let id = h.job_in(state, work()).await;
        let before = h.job(id).await;
        h.clock.advance(SECOND);
        assert_eq!(h.retry(id).await, Some(State::Available), "{state}");
        let job = h.job(id).await;
        assert_eq!((job.state, job.run_at, job.finished_at), (State::Available, h.clock.now(), None), "{state}");
        assert_eq!((job.attempt, job.max_attempts), (before.attempt, before.max_attempts), "{state}");
        assert_eq!((job.errors, job.output), (before.errors, before.output), "{state}");
        assert!(!job.cancel_requested, "{state}");

        let worker = h.worker().await;
        let claimed = h.claim_from(worker, &[(state.as_str(), 10)]).await;
        assert_eq!(claimed.len(), 1, "{state}");
        assert_eq!(claimed[0].token.attempt, before.attempt + 1, "{state}");
        assert_eq!(h.finish(claimed[0].token, done()).await, Verdict::Accepted(State::Completed), "{state}");
    }
}

/// What runs or waits for a worker already is left as it is.
pub async fn leaves_what_is_under_way(h: Harness) {
    for state in [State::Running, State::Available] {
        let id = h.job_in(state, work()).await;
        let before = picture(&h.job(id).await);
        h.clock.advance(SECOND);
        assert_eq!(h.retry(id).await, Some(state));
        assert_eq!(picture(&h.job(id).await), before);
    }
}

/// A job whose attempts are used up may use one more.
pub async fn allows_one_more_attempt(h: Harness) {
    let mut token = h.running(NewJob { max_attempts: 1, ..work() }).await;
    for used in 1..4 {
        assert_eq!(h.finish(token, failed()).await, Verdict::Accepted(State::Discarded));
        assert_eq!(h.retry(token.job).await, Some(State::Available));
        let job = h.job(token.job).await;
        assert_eq!((job.attempt, job.max_attempts, job.errors.len()), (used, used + 1, used as usize));
        token = h.claim_only(token.worker).await;
    }
}

/// A request to stop is over with the attempt that it was made to: the next is not asked.
pub async fn forgets_the_request_to_stop(h: Harness) {
    let token = h.running(work()).await;
    h.cancel(token.job).await;
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Cancelled));
    assert_eq!(h.retry(token.job).await, Some(State::Available));
    let token = h.claim_only(token.worker).await;
    assert!(!h.job(token.job).await.cancel_requested);
    assert!(h.store.heartbeat(token.worker).await.unwrap().cancelled.is_empty());
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
    assert!(h.job(token.job).await.output.is_some());
}

/// One answer a job, in order; none for one that is not there.
pub async fn answers_in_order(h: Harness) {
    let gone = h.job_in(State::Discarded, work()).await;
    let purge = sidetask_core::Purge { state: State::Discarded, older_than: Duration::ZERO, limit: 1 };
    h.store.purge(purge).await.unwrap();
    let running = h.job_in(State::Running, work()).await;
    let completed = h.job_in(State::Completed, work()).await;
    let available = Some(State::Available);
    let states = h.store.change(vec![completed, gone, running, completed], Change::Retry).await.unwrap();
    assert_eq!(states, [available, None, Some(State::Running), available]);
    assert!(h.store.change(Vec::new(), Change::Retry).await.unwrap().is_empty());
}

/// Many dead letters are brought back by one call.
pub async fn takes_many(h: Harness) {
    let ids = h.enqueue(works(50)).await;
    let worker = h.worker().await;
    for claimed in h.claim(worker, 50).await {
        h.finish(claimed.token, Outcome::Permanent("no".to_owned())).await;
    }
    assert_eq!(h.count(State::Discarded).await, 50);
    assert!(h.store.change(ids, Change::Retry).await.unwrap().into_iter().all(|state| state == Some(State::Available)));
    assert_eq!(h.claim(worker, 100).await.len(), 50);
}
