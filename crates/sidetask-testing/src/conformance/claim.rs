//! Taking jobs.

use std::collections::HashSet;
use std::sync::Arc;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Claim, Clock, Filter, JobId, Json, Kinds, NewJob, Page, State, Verdict, Want, When};

use crate::Harness;
use crate::harness::{KIND, QUEUE, SECOND, failed, ids, in_queue, named, new_job, work, works};

/// Smallest priority first, then earliest due, then first stored.
pub async fn takes_in_order(h: Harness) {
    let at = |seconds: u32, priority| {
        let when = When::At(h.clock.now().before(SECOND * 100).after(SECOND * seconds));
        NewJob { when, priority, ..work() }
    };
    let stored = h.enqueue(vec![at(9, 1), at(5, 0), at(5, 0), at(2, 0), at(9, -1), at(5, 0)]).await;
    let expected: Vec<JobId> = [4, 3, 1, 2, 5, 0].map(|place| stored[place]).into();
    let worker = h.worker().await;
    assert_eq!(ids(&h.claim(worker, 10).await), expected);
}

/// The order holds from claim to claim, whatever the batches.
pub async fn keeps_the_order_across_claims(h: Harness) {
    let stored = h.enqueue(works(30)).await;
    let worker = h.worker().await;
    let mut taken = Vec::new();
    for limit in [1, 7, 2, 20] {
        let claimed = h.claim(worker, limit).await;
        assert_eq!(claimed.len(), limit);
        taken.extend(ids(&claimed));
    }
    assert_eq!(taken, stored);
}

/// Of jobs that are equal otherwise the one that was stored first comes first, also where ids were made in another order.
pub async fn orders_by_storing_whatever_the_ids(h: Harness) {
    let (early, late) = (h.new_id(), JobId::from_bytes([255; 16]));
    let mut stored = h.enqueue(vec![named(late), work()]).await;
    stored.push(h.add(named(early)).await);
    stored.push(h.add(work()).await);
    let worker = h.worker().await;
    assert_eq!(ids(&h.claim(worker, 10).await), stored);
}

/// Each wish has its own limit, and no other queue is touched.
pub async fn limits_by_queue(h: Harness) {
    for queue in ["a", "b", "c"] {
        h.enqueue((0..5).map(|_| in_queue(queue)).collect()).await;
    }
    let worker = h.worker().await;
    let claimed = h.claim_from(worker, &[("a", 2), ("b", 9), ("nowhere", 4)]).await;
    let from = |queue: &str| claimed.iter().filter(|claimed| &*claimed.queue == queue).count();
    assert_eq!((from("a"), from("b"), claimed.len()), (2, 5, 7));
    let stats = h.store.stats().await.unwrap();
    assert_eq!(stats.queue("c").count(State::Available), 5);
    assert_eq!(stats.queue("a").count(State::Running), 2);
}

/// A limit of zero, no wish and an empty queue all give nothing.
pub async fn may_give_nothing(h: Harness) {
    let worker = h.worker().await;
    assert!(h.claim(worker, 10).await.is_empty());
    h.enqueue(works(3)).await;
    assert!(h.claim(worker, 0).await.is_empty());
    assert!(h.claim_from(worker, &[]).await.is_empty());
    assert!(h.try_claim(worker, &[], &[(QUEUE, 3)]).await.unwrap().is_empty(), "no kind is known");
    assert_eq!(h.count(State::Available).await, 3);
}

/// Jobs of kinds that the worker does not know stay, and hold up nothing behind them.
pub async fn passes_over_unknown_kinds(h: Harness) {
    let unknown = h.enqueue((0..50).map(|n| NewJob { priority: -1, ..new_job(format!("odd.{n}")) }).collect()).await;
    let known = h.enqueue(works(3)).await;
    let worker = h.worker().await;
    assert_eq!(ids(&h.claim(worker, 3).await), known);
    assert!(h.claim(worker, 3).await.is_empty());
    assert_eq!(h.count(State::Available).await, 50);

    let claimed = h.try_claim(worker, &["odd.7"], &[(QUEUE, 3)]).await.unwrap();
    assert_eq!(ids(&claimed), [unknown[7]], "a worker that knows it gets it");
}

/// Several kinds in one queue come in one order.
pub async fn mixes_kinds_in_order(h: Harness) {
    let stored = h.enqueue((0..12).map(|n| new_job(["a", "b", "c"][n % 3])).collect()).await;
    let worker = h.worker().await;
    let claimed = h.try_claim(worker, &["a", "c"], &[(QUEUE, 5)]).await.unwrap();
    assert_eq!(ids(&claimed), [0, 2, 3, 5, 6].map(|place| stored[place]));
}

/// A claimed job says who holds it, since when and for which attempt.
pub async fn writes_down_the_holder(h: Harness) {
    h.clock.advance(SECOND);
    let id = h.add(work()).await;
    let due = h.clock.now();
    h.clock.advance(SECOND);
    let worker = h.worker().await;
    let token = h.claim_only(worker).await;
    assert_eq!((token.job, token.attempt, token.worker), (id, 1, worker));
    let job = h.job(id).await;
    assert_eq!((job.state, job.attempt, job.worker), (State::Running, 1, Some(worker)));
    assert_eq!((job.attempted_at, job.run_at, job.finished_at), (Some(h.clock.now()), due, None));
}

/// Every claim of a job uses an attempt and has a greater fence than the one before.
pub async fn counts_attempts_and_fences(h: Harness) {
    h.add(NewJob { max_attempts: 10, ..work() }).await;
    let worker = h.worker().await;
    let mut last = 0;
    for attempt in 1..=5 {
        let token = h.claim_only(worker).await;
        assert_eq!(token.attempt, attempt);
        assert!(token.fence > last, "fence {} after {last}", token.fence);
        last = token.fence;
        assert_eq!(h.job(token.job).await.fence, token.fence);
        assert_eq!(h.finish(token, failed()).await, Verdict::Accepted(State::Retryable));
        h.clock.advance(SECOND * 60);
        assert_eq!(h.store.promote(10).await.unwrap().moved, 1);
    }
}

/// Who never joined, or left, gets nothing but the news that its lease is lost.
pub async fn refuses_an_unknown_worker(h: Harness) {
    h.enqueue(works(2)).await;
    let left = h.worker().await;
    h.store.leave(left).await.unwrap();
    for worker in [h.stranger(), left] {
        for limit in [0, 2] {
            let error = h.try_claim(worker, &[KIND], &[(QUEUE, limit)]).await.unwrap_err();
            assert!(error.is_lease_lost(), "{error}");
        }
    }
    assert_eq!(h.count(State::Available).await, 2);
}

/// Workers that claim at the same time never get the same job, and together get all.
pub async fn never_shares_a_job(h: Harness) {
    const JOBS: usize = 200;
    h.enqueue(works(JOBS)).await;
    let mut claimers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, worker) = (Arc::clone(&h.store), h.worker().await);
        claimers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let wants = vec![Want { queue: QUEUE.to_owned(), limit: 3 }];
                let claimed = store.claim(Claim { worker, kinds: Kinds::from_iter([KIND]), wants }).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.iter().all(|claimed| claimed.token.worker == worker));
                mine.extend(ids(&claimed));
                assert!(mine.len() <= JOBS, "jobs come again and again");
                tokio::task::yield_now().await;
            }
        });
    }
    let taken: Vec<JobId> = claimers.join_all().await.concat();
    assert_eq!(taken.len(), JOBS);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), JOBS);
}

/// Arguments that are no JSON are a matter for whoever decodes them: such a job is stored, listed and claimed.
pub async fn takes_jobs_with_damaged_arguments(h: Harness) {
    let damaged = ["", "{\"a\":", "{}{}", "not json"];
    let jobs = damaged.map(|text| NewJob { args: Json::from_stored(text), ..work() });
    let stored = h.enqueue(jobs.into()).await;
    let sound = h.add(work()).await;

    let listed = h.store.list(Filter::all(), Page::first(10)).await.unwrap().jobs;
    assert_eq!(listed.len(), 5);
    let worker = h.worker().await;
    let claimed = h.claim(worker, 10).await;
    assert_eq!(ids(&claimed), [stored.clone(), vec![sound]].concat());
    for (claimed, text) in claimed.iter().zip(damaged) {
        assert_eq!(claimed.args.as_str(), text);
        assert!(claimed.args.decode::<serde_json::Value>().unwrap_err().is_decode());
        let verdict = h.finish(claimed.token, Outcome::Permanent("no JSON".to_owned())).await;
        assert_eq!(verdict, Verdict::Accepted(State::Discarded));
    }
}
