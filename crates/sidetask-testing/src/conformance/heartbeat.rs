//! Workers that come, stay and go.

use std::collections::HashSet;

use sidetask_core::{Change, Joining, State, Verdict};

use crate::Harness;
use crate::harness::{LEASE, SECOND, done, ids, work, works};

/// A heartbeat keeps the jobs of its worker far beyond the lease that it joined with.
pub async fn renews_the_lease(h: Harness) {
    let token = h.running(work()).await;
    for _ in 0..5 {
        h.clock.advance(LEASE - SECOND);
        assert!(h.store.heartbeat(token.worker).await.unwrap().cancelled.is_empty());
        assert!(h.store.rescue(10).await.unwrap().is_empty());
    }
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
}

/// A heartbeat renews the lease of nobody else.
pub async fn renews_nobody_elses_lease(h: Harness) {
    let token = h.running(work()).await;
    let other = h.worker().await;
    h.clock.advance(LEASE - SECOND);
    h.store.heartbeat(other).await.unwrap();
    h.clock.advance(SECOND * 2);
    let rescued = h.store.rescue(10).await.unwrap();
    assert_eq!((rescued.len(), rescued[0].worker), (1, Some(token.worker)));
    h.store.heartbeat(other).await.unwrap();
}

/// It says, each time until they end, which of the worker's own jobs were asked to stop.
pub async fn reports_cancel_requests(h: Harness) {
    h.enqueue(works(3)).await;
    let worker = h.worker().await;
    let claimed = h.claim(worker, 3).await;
    h.running(work()).await;
    let asked: Vec<_> = ids(&claimed)[..2].to_vec();
    h.store.change(asked.clone(), Change::Cancel).await.unwrap();
    for _ in 0..2 {
        let told: HashSet<_> = h.store.heartbeat(worker).await.unwrap().cancelled.into_iter().collect();
        assert_eq!(told, asked.iter().copied().collect());
    }
    h.finish(claimed[0].token, done()).await;
    assert_eq!(h.store.heartbeat(worker).await.unwrap().cancelled, [asked[1]]);
}

/// Who never joined, left, or was rescued from has no lease to renew.
pub async fn refuses_an_unknown_worker(h: Harness) {
    let left = h.worker().await;
    h.store.leave(left).await.unwrap();
    let rescued = h.worker().await;
    h.clock.advance(LEASE + SECOND);
    h.store.rescue(10).await.unwrap();
    for worker in [h.stranger(), left, rescued] {
        let error = h.store.heartbeat(worker).await.unwrap_err();
        assert!(error.is_lease_lost(), "{error}");
    }
}

/// A worker that is late, but that nobody rescued from, goes on as before.
pub async fn forgives_who_is_late(h: Harness) {
    let token = h.running(work()).await;
    h.clock.advance(LEASE * 3);
    h.store.heartbeat(token.worker).await.unwrap();
    assert!(h.store.rescue(10).await.unwrap().is_empty());
    h.add(work()).await;
    assert_eq!(h.claim(token.worker, 1).await.len(), 1);
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
}

/// A worker that leaves gives its jobs back with no attempt used, and its reports count no more.
pub async fn gives_back_when_leaving(h: Harness) {
    h.enqueue(works(3)).await;
    let worker = h.worker().await;
    let claimed = h.claim(worker, 3).await;
    assert_eq!(h.finish(claimed[0].token, done()).await, Verdict::Accepted(State::Completed));
    h.cancel(claimed[1].token.job).await;
    h.store.leave(worker).await.unwrap();

    assert_eq!(h.state(claimed[0].token.job).await, State::Completed);
    assert_eq!(h.state(claimed[1].token.job).await, State::Cancelled, "asked to stop, it does not run again");
    let given_back = h.job(claimed[2].token.job).await;
    assert_eq!((given_back.state, given_back.attempt, given_back.worker), (State::Available, 0, None));
    assert!(given_back.errors.is_empty());
    assert_eq!(h.finish(claimed[2].token, done()).await, Verdict::LeaseLost);

    let next = h.worker().await;
    let token = h.claim_only(next).await;
    assert_eq!(token.attempt, 1);
    assert!(token.fence > claimed[2].token.fence);
}

/// Leaving twice, or without having come, changes nothing.
pub async fn may_leave_twice(h: Harness) {
    let token = h.running(work()).await;
    let other = h.worker().await;
    for worker in [other, other, h.stranger()] {
        h.store.leave(worker).await.unwrap();
    }
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
}

/// Joining again, as after an answer that was lost, renews the lease and takes nothing away.
pub async fn may_join_twice(h: Harness) {
    let token = h.running(work()).await;
    h.clock.advance(LEASE - SECOND);
    let again = Joining { worker: token.worker, name: "test".to_owned(), lease: LEASE * 2 };
    h.store.join(again).await.unwrap();
    h.clock.advance(LEASE + SECOND);
    assert!(h.store.rescue(10).await.unwrap().is_empty());
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
}
