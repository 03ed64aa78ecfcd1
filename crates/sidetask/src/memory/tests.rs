use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{IdSource, Json, Kinds, Lane, Timestamp, Want, When};
use sidetask_testing::{ManualClock, new_job};

use super::*;

async fn worker(store: &MemoryStore) -> WorkerId {
    let worker = IdSource::new().worker(store.clock.now());
    store.join(Joining { worker, name: "test".to_owned(), lease: Duration::from_secs(15) }).await.unwrap();
    worker
}

async fn claim(store: &MemoryStore, worker: WorkerId) -> Vec<Claimed> {
    let wants = vec![Want { queue: "default".to_owned(), limit: 100 }];
    store.claim(Claim { worker, kinds: Kinds::from_iter(["a", "b"]), wants }).await.unwrap()
}

async fn finish(store: &MemoryStore, claimed: &Claimed, outcome: Outcome) {
    let finish = Finish { token: claimed.token, outcome, retry_in: Duration::ZERO, log: None };
    assert_ne!(store.finish(vec![finish]).await.unwrap(), [Verdict::LeaseLost]);
}

/// The ended jobs that are kept are those that ended last, whatever state they ended in.
#[tokio::test]
async fn what_ended_first_is_evicted_first() {
    let clock = ManualClock::default();
    let store = MemoryStore::builder().clock(clock.clone()).keep_finished(2).build();
    let jobs = (0..4).map(|n| NewJob { key: Some(n.to_string()), ..new_job("a") }).collect();
    let ids: Vec<JobId> = store.enqueue(jobs).await.unwrap().iter().map(|answer| answer.id).collect();
    let worker = worker(&store).await;
    let claimed = claim(&store, worker).await;
    for (place, completes) in [(3, true), (0, false), (2, true), (1, false)] {
        clock.advance(Duration::from_secs(1));
        let outcome =
            if completes { Outcome::Completed(Json::from_stored("1")) } else { Outcome::Permanent("no".to_owned()) };
        finish(&store, &claimed[place], outcome).await;
    }
    let kept = store.jobs(ids).await.unwrap();
    assert_eq!(kept.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true, false]);
    assert_eq!(store.stats().await.unwrap().total().total(), 2);
    let again = store.enqueue(vec![NewJob { key: Some("3".to_owned()), ..new_job("a") }]).await.unwrap();
    assert!(!again[0].existed, "the key of an evicted job is free");
}

/// What has not ended is never evicted.
#[tokio::test]
async fn keeping_none_keeps_what_has_not_ended() {
    let store = MemoryStore::builder().keep_finished(0).build();
    let later = NewJob { when: When::After(Duration::from_secs(60)), ..new_job("a") };
    let ids: Vec<JobId> =
        store.enqueue(vec![new_job("a"), new_job("b"), later]).await.unwrap().iter().map(|answer| answer.id).collect();
    let worker = worker(&store).await;
    let claimed = claim(&store, worker).await;
    finish(&store, &claimed[0], Outcome::Completed(Json::from_stored("1"))).await;
    let kept = store.jobs(ids).await.unwrap();
    assert_eq!(kept.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true]);
}

/// Every place is empty when every job is gone: nothing is left behind by any way through the states.
#[tokio::test]
async fn no_index_outlives_its_jobs() {
    let store = MemoryStore::builder().keep_finished(0).build();
    let kinds = ["a", "b", "unknown"];
    let jobs = (0..30).map(|n| NewJob { priority: n % 3, ..new_job(Cow::Borrowed(kinds[n as usize % 3])) });
    let lane = |width| Some(Lane { name: "lane".into(), width });
    let jobs = jobs.map(|job| NewJob { key: Some(job.priority.to_string()), lane: lane(2), ..job }).collect();
    let ids: Vec<JobId> = store.enqueue(jobs).await.unwrap().iter().map(|answer| answer.id).collect();
    let holder = worker(&store).await;
    store.lend(Slots::new(holder, Kinds::default(), HashMap::new()).0);
    claim(&store, holder).await;
    store.leave(holder).await.unwrap();
    let holder = worker(&store).await;
    for claimed in claim(&store, holder).await {
        finish(&store, &claimed, Outcome::RetryAfter(Duration::from_secs(60), "no".to_owned())).await;
    }
    store.change(ids, Change::Cancel).await.unwrap();

    let inner = store.lock();
    assert!(inner.jobs.is_empty() && inner.keys.is_empty() && inner.waiting.is_empty() && inner.orphans.is_empty());
    assert!(inner.lanes.is_empty());
    assert!(inner.lenders.is_empty(), "a worker that left takes its slots with it");
    assert!(inner.ended.values().all(std::collections::BTreeSet::is_empty));
    assert!(inner.queues.values().all(|queue| queue.available.is_empty() && queue.counts.total() == 0));
    assert!(inner.workers.values().all(|worker| worker.running.is_empty()));
}

/// A clock before 1970 is odd and nothing more.
#[tokio::test]
async fn a_clock_before_1970_breaks_nothing() {
    let clock = ManualClock::new(Timestamp::from_micros(-5_000_000));
    let store = MemoryStore::builder().clock(clock).build();
    let ids = store.enqueue(vec![new_job("a"), new_job("b")]).await.unwrap();
    let worker = worker(&store).await;
    let claimed = claim(&store, worker).await;
    assert_eq!(claimed.len(), 2);
    assert_eq!(claimed[0].token.job, ids[0].id);
}
