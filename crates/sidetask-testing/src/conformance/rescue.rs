//! Taking back the jobs of dead workers.

use std::collections::HashSet;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Clock, NewJob, Rescued, State, Verdict};

use crate::Harness;
use crate::harness::{KIND, LEASE, QUEUE, SECOND, done, ids, work, works};

/// A job is taken back once its worker's lease expired, not before, and may run again with its attempt used.
pub async fn waits_for_the_lease(h: Harness) {
    let token = h.running(work()).await;
    h.clock.advance(LEASE - SECOND);
    assert!(h.store.rescue(10).await.unwrap().is_empty());
    h.clock.advance(SECOND * 2);
    let expected = Rescued { id: token.job, state: State::Available, worker: Some(token.worker) };
    assert_eq!(h.store.rescue(10).await.unwrap(), [expected]);
    assert!(h.store.rescue(10).await.unwrap().is_empty(), "once");

    let job = h.job(token.job).await;
    assert_eq!((job.state, job.attempt, job.worker), (State::Available, 1, None));
    assert_eq!((job.run_at, job.finished_at), (h.clock.now(), None));
    assert_eq!(job.errors.len(), 1);
    assert_eq!((job.errors[0].attempt, job.errors[0].at), (1, h.clock.now()));
    assert_eq!(Some(job.errors[0].message.as_str()), Outcome::Expired.error());
}

/// On its last attempt a job is discarded; one that was asked to stop is cancelled.
pub async fn ends_what_may_not_run_again(h: Harness) {
    let last = h.running(NewJob { max_attempts: 1, ..work() }).await;
    let asked = h.running(work()).await;
    h.cancel(asked.job).await;
    h.clock.advance(LEASE + SECOND);
    let rescued: HashSet<_> = h.store.rescue(10).await.unwrap().into_iter().map(|job| (job.id, job.state)).collect();
    assert_eq!(rescued, HashSet::from([(last.job, State::Discarded), (asked.job, State::Cancelled)]));
    for id in [last.job, asked.job] {
        let job = h.job(id).await;
        assert_eq!((job.finished_at, job.worker, job.errors.len()), (Some(h.clock.now()), None, 1));
    }
}

/// Once rescued, a job listens to its old holder no more, whether it waits, runs elsewhere or has ended.
pub async fn shuts_out_the_old_holder(h: Harness) {
    let stale = h.running(work()).await;
    h.clock.advance(LEASE + SECOND);
    h.store.rescue(10).await.unwrap();
    assert_eq!(h.finish(stale, done()).await, Verdict::LeaseLost);
    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    assert_eq!(token.attempt, 2);
    assert!(token.fence > stale.fence);
    assert_eq!(h.finish(stale, done()).await, Verdict::LeaseLost);
    assert_eq!(h.finish(token, done()).await, Verdict::Accepted(State::Completed));
    assert_eq!(h.finish(stale, done()).await, Verdict::LeaseLost);
    assert_eq!(h.job(token.job).await.attempt, 2);
}

/// At most as many as asked for; the worker is forgotten with the first, so that it cannot go on with the others.
pub async fn respects_its_limit(h: Harness) {
    h.enqueue(works(5)).await;
    let worker = h.worker().await;
    let claimed = h.claim(worker, 5).await;
    h.clock.advance(LEASE + SECOND);
    let mut rescued = h.store.rescue(2).await.unwrap();
    assert_eq!(rescued.len(), 2);
    assert!(h.store.heartbeat(worker).await.unwrap_err().is_lease_lost());
    assert!(h.try_claim(worker, &[KIND], &[(QUEUE, 1)]).await.unwrap_err().is_lease_lost());
    rescued.extend(h.store.rescue(2).await.unwrap());
    rescued.extend(h.store.rescue(2).await.unwrap());
    assert_eq!(rescued.iter().map(|job| job.id).collect::<HashSet<_>>(), ids(&claimed).into_iter().collect());
    assert_eq!(rescued.len(), 5);
    assert_eq!(h.count(State::Available).await, 5);
}

/// An idle worker whose lease expired is forgotten too.
pub async fn forgets_idle_workers(h: Harness) {
    let worker = h.worker().await;
    h.clock.advance(LEASE + SECOND);
    assert!(h.store.rescue(10).await.unwrap().is_empty());
    assert!(h.store.heartbeat(worker).await.unwrap_err().is_lease_lost());
}

/// Only the jobs of the dead are taken.
pub async fn leaves_the_living_alone(h: Harness) {
    let dead = h.running(work()).await;
    h.clock.advance(LEASE - SECOND);
    let living = h.running(work()).await;
    h.clock.advance(SECOND * 2);
    let rescued = h.store.rescue(10).await.unwrap();
    assert_eq!(rescued.iter().map(|job| job.id).collect::<Vec<_>>(), [dead.job]);
    assert_eq!(h.finish(living, done()).await, Verdict::Accepted(State::Completed));
}

/// A clock that is set back prolongs leases and breaks nothing.
pub async fn survives_a_clock_set_back(h: Harness) {
    let token = h.running(work()).await;
    h.clock.set(h.clock.now().before(LEASE * 100));
    assert!(h.store.rescue(10).await.unwrap().is_empty());
    h.store.heartbeat(token.worker).await.unwrap();
    h.clock.advance(LEASE + SECOND);
    assert_eq!(h.store.rescue(10).await.unwrap().len(), 1, "the last heartbeat counts");
}
