//! Many at once in one lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sidetask_core::{Claim, Claimed, Finish, JobId, Kinds, State, Verdict, Want};
use tokio::task::JoinSet;

use super::lane::LANE;
use super::within;
use crate::Harness;
use crate::harness::{KIND, QUEUE, RETRY_IN, done, failed, laned, new_job};

/// Of jobs that come at the same time, into a lane that nobody is in, no more are let in than the width.
pub async fn lets_in_no_more_where_many_come_at_once(h: Harness) {
    for round in 0..10 {
        let lane = format!("{LANE} {round}");
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (store, lane) = (Arc::clone(&h.store), lane.clone());
            tasks.spawn(async move { store.enqueue(vec![laned(&lane, 2)]).await.unwrap()[0].id });
        }
        let stored = within(tasks.join_all()).await;
        assert_eq!(held(&h, &stored).await, 6);
    }
}

/// Of jobs that end at the same time, each makes room for one.
pub async fn loses_no_turn_where_many_end_at_once(h: Harness) {
    let worker = h.worker().await;
    for round in 0..10 {
        let lane = format!("{LANE} {round}");
        let stored = h.enqueue((0..12).map(|_| laned(&lane, 4)).collect()).await;
        for left in [4, 0] {
            let mut tasks = JoinSet::new();
            for Claimed { token, .. } in h.claim(worker, 4).await {
                let store = Arc::clone(&h.store);
                let finish = Finish { token, outcome: done(), retry_in: RETRY_IN, log: None };
                tasks.spawn(async move { store.finish(vec![finish]).await.unwrap().remove(0) });
            }
            let verdicts = within(tasks.join_all()).await;
            assert_eq!(verdicts, [Verdict::Accepted(State::Completed); 4]);
            assert_eq!(held(&h, &stored).await, left);
        }
        for Claimed { token, .. } in h.claim(worker, 4).await {
            h.finish(token, done()).await;
        }
    }
}

/// Calls that each touch several lanes, in whichever order, do not stand in each other's way.
pub async fn takes_several_lanes_in_any_order(h: Harness) {
    let mut tasks = JoinSet::new();
    for at in 0..4 {
        let (store, worker) = (Arc::clone(&h.store), h.worker().await);
        tasks.spawn(async move {
            let mut lanes = ["a", "b", "c"];
            for round in 0..10 {
                lanes.rotate_left((at + round) % 3);
                store.enqueue(lanes.map(|lane| laned(lane, 3)).into()).await.unwrap();
                let wants = vec![Want { queue: QUEUE.to_owned(), limit: 3 }];
                let claimed = store.claim(Claim { worker, kinds: Kinds::from_iter([KIND]), wants }).await.unwrap();
                let finish =
                    |claimed: Claimed| Finish { token: claimed.token, outcome: done(), retry_in: RETRY_IN, log: None };
                let verdicts = store.finish(claimed.into_iter().rev().map(finish).collect()).await.unwrap();
                assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Accepted(State::Completed)));
            }
        });
    }
    within(tasks.join_all()).await;
    let worker = h.worker().await;
    for _ in 0..200 {
        for Claimed { token, .. } in h.claim(worker, 10).await {
            h.finish(token, done()).await;
        }
    }
    assert_eq!(h.count(State::Completed).await, 120);
}

async fn held(h: &Harness, stored: &[JobId]) -> usize {
    let jobs = h.store.jobs(stored.to_vec()).await.unwrap();
    jobs.into_iter().flatten().filter(|job| job.held).count()
}

/// Whatever is enqueued, claimed and finished at the same time, no more run at once than the width, and all end.
pub async fn never_exceeds_its_width_under_contention(h: Harness) {
    const WIDTH: usize = 3;
    const EACH: usize = 10;
    const PLAIN: &str = "test.plain";
    let tally = Arc::new(Tally::default());
    let mut tasks = JoinSet::new();
    for _ in 0..3 {
        let store = Arc::clone(&h.store);
        tasks.spawn(async move {
            for _ in 0..EACH {
                let laned = || laned(LANE, WIDTH as u32);
                store.enqueue(vec![laned(), new_job(PLAIN), laned()]).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    for at in 0..4 {
        let (store, worker, tally) = (Arc::clone(&h.store), h.worker().await, Arc::clone(&tally));
        tasks.spawn(async move {
            let mut random = fastrand::Rng::with_seed(at);
            while tally.ended.load(Ordering::SeqCst) < 3 * EACH * 2 {
                let wants = vec![Want { queue: QUEUE.to_owned(), limit: 3 }];
                let claim = Claim { worker, kinds: Kinds::from_iter([KIND, PLAIN]), wants };
                let claimed = store.claim(claim).await.unwrap();
                tally.begin(claimed.iter().filter(|claimed| &*claimed.kind == KIND).count());
                for Claimed { token, kind, .. } in claimed {
                    tokio::task::yield_now().await;
                    let is_laned = &*kind == KIND;
                    tally.running.fetch_sub(usize::from(is_laned), Ordering::SeqCst);
                    let outcome = if is_laned && random.bool() { failed() } else { done() };
                    let finish = Finish { token, outcome, retry_in: Duration::ZERO, log: None };
                    let verdicts = store.finish(vec![finish]).await.unwrap();
                    let [Verdict::Accepted(state)] = verdicts[..] else { panic!("{token:?} was claimed") };
                    tally.ended.fetch_add(usize::from(is_laned && state.is_final()), Ordering::SeqCst);
                }
                tokio::task::yield_now().await;
            }
        });
    }
    tokio::time::timeout(Duration::from_secs(60), tasks.join_all()).await.expect("every job ends");
    let most = tally.most.load(Ordering::SeqCst);
    assert!(most <= WIDTH, "{most} ran at once");
    assert_eq!(h.count(State::Scheduled).await, 0);
}

/// How many jobs run, ran at most, and have ended, by those who run them: they run a little longer in the store.
#[derive(Default)]
struct Tally {
    running: AtomicUsize,
    most: AtomicUsize,
    ended: AtomicUsize,
}

impl Tally {
    fn begin(&self, number: usize) {
        let running = self.running.fetch_add(number, Ordering::SeqCst) + number;
        self.most.fetch_max(running, Ordering::SeqCst);
    }
}
