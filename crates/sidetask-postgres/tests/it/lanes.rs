//! Lanes that several processes fill, empty and lose workers in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Call, Change, Finish, Lane, NewJob, Rescued, State, Store};
use sidetask_postgres::PostgresStore;
use tokio::task::JoinSet;

use crate::shared::{KIND, LEASE, SECOND, Schema, claim, done, enqueue, finish, try_claim, within, work};

const LANES: [&str; 3] = ["a", "b", "c"];
const WIDTH: u32 = 2;

fn laned(at: usize) -> NewJob {
    let lane = Lane { name: LANES[at % LANES.len()].into(), width: WIDTH };
    NewJob { lane: Some(lane), max_attempts: 2, ..work() }
}

/// How many are let in where most are.
const FULLEST: &str = "SELECT coalesce(max(under_way), 0) FROM (
    SELECT count(*) AS under_way FROM {s}.jobs WHERE lane IS NOT NULL AND NOT held GROUP BY lane) AS lanes";

/// Jobs of all lanes end in every way, while workers vanish and others take their jobs back.
#[tokio::test(flavor = "multi_thread")]
async fn no_lane_is_ever_wider_while_workers_are_lost() {
    const JOBS: usize = 90;
    let schema = Arc::new(Schema::new());
    let stores = [schema.open().await, schema.open().await];
    let ids = enqueue(&stores[0], (0..JOBS).map(laned).collect()).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for (at, store) in stores.iter().chain(&stores).enumerate() {
        let (schema, store, is_over) = (Arc::clone(&schema), store.clone(), Arc::clone(&is_over));
        tasks.spawn(async move { live_and_vanish(at as u64, &schema, &store, &is_over).await });
    }
    let (canceller, some) = (stores[1].clone(), ids.iter().copied().skip(1).step_by(7).collect::<Vec<_>>());
    tasks.spawn(async move {
        for id in some.chunks(2) {
            canceller.change(id.iter().rev().copied().collect(), Change::Cancel).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let all_ended = async {
        loop {
            let fullest = schema.number(FULLEST).await;
            assert!(fullest <= i64::from(WIDTH), "{fullest} under way");
            // Whoever leads may have been replaced by one that is gone.
            schema.clock.advance(LEASE + SECOND);
            for store in &stores {
                store.rescue(5).await.unwrap();
            }
            if schema.number("SELECT count(*) FROM {s}.jobs").await == 0 {
                return;
            }
        }
    };
    within(all_ended).await;
    is_over.store(true, Ordering::Relaxed);
    within(tasks.join_all()).await;
    let total = stores[0].stats().await.unwrap().total();
    let ended = [State::Completed, State::Cancelled, State::Discarded].map(|state| total.count(state));
    assert_eq!((ended.iter().sum::<u64>(), total.total()), (JOBS as u64, JOBS as u64), "{total:?}");
}

/// Whoever had stored some by then could have another, which waits for these, wait for ever.
#[tokio::test]
async fn a_call_waits_for_all_its_lanes_before_it_stores_anything() {
    let schema = Schema::new();
    let store = schema.open().await;
    let mut other = schema.connect().await;
    let lock = other.transaction().await.unwrap();
    let key = format!("SELECT pg_advisory_xact_lock(hashtextextended('{}.b', 0))", schema.name);
    lock.query(&key, &[]).await.unwrap();
    // The same key twice is stored by statements of their own.
    let keyed = |at| NewJob { key: Some("key".into()), ..laned(at) };
    let call = store.enqueue(vec![keyed(0), keyed(0), laned(1)]);
    let stored = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{s}.%'";
        while schema.number(waits).await == 0 {}
        let writes =
            "SELECT count(*) FROM pg_locks WHERE relation = '{s}.jobs'::regclass AND mode = 'RowExclusiveLock'";
        assert_eq!(schema.number(writes).await, 0);
        lock.commit().await.unwrap();
    };
    let (enqueued, ()) = within(async { tokio::join!(call, stored) }).await;
    assert_eq!(enqueued.unwrap().iter().map(|job| job.existed).collect::<Vec<_>>(), [false, true, false]);
}

/// A worker after another: some finish what they claim, some leave, some are never heard of again.
async fn live_and_vanish(seed: u64, schema: &Schema, store: &PostgresStore, is_over: &AtomicBool) {
    let mut random = fastrand::Rng::with_seed(seed);
    while !is_over.load(Ordering::Relaxed) {
        let worker = schema.join(store).await;
        let Ok(claimed) = try_claim(store, worker, KIND, 3).await else { continue };
        match random.u8(0..4) {
            0 => continue,
            1 => store.leave(worker).await.unwrap(),
            _ => {
                for claimed in claimed {
                    let outcome = match random.bool() {
                        true => done(claimed.token).outcome,
                        false => Outcome::Failed("no".to_owned()),
                    };
                    finish(store, Finish { token: claimed.token, outcome, retry_in: Duration::ZERO, log: None }).await;
                }
            }
        }
    }
}

/// A retry by hand takes its place behind those that wait, whichever process does it.
#[tokio::test]
async fn who_is_retried_goes_to_the_end_of_its_lane() {
    let schema = Schema::new();
    let (one, two) = (schema.open().await, schema.open().await);
    let ids = enqueue(&one, (0..4).map(|_| NewJob { lane: lane("a", 1), ..work() }).collect()).await;
    two.change(vec![ids[0]], Change::Cancel).await.unwrap();
    assert_eq!(two.change(vec![ids[0], ids[0]], Change::Retry).await.unwrap(), [Some(State::Scheduled); 2]);
    let worker = schema.join(&one).await;
    for id in [ids[1], ids[2], ids[3], ids[0]] {
        let claimed = claim(&one, worker, KIND, 9).await;
        assert_eq!(claimed.iter().map(|claimed| claimed.token.job).collect::<Vec<_>>(), [id]);
        finish(&two, done(claimed[0].token)).await;
    }
}

/// The process of a user's transaction may be stopped, or its machine be gone, long before the server notices.
#[tokio::test]
async fn a_lane_that_a_transaction_keeps_locked_holds_up_no_rescue_of_other_jobs() {
    let schema = Schema::new();
    let store = schema.open().await;
    let laned = |max_attempts| NewJob { lane: lane("a", 9), max_attempts, ..work() };
    let ids = enqueue(&store, vec![laned(1), laned(2), NewJob { max_attempts: 1, ..work() }]).await;
    let lost = schema.join(&store).await;
    assert_eq!(claim(&store, lost, KIND, 9).await.len(), 3);

    let mut client = schema.connect().await;
    let mut stuck = client.transaction().await.unwrap();
    store.enqueue_in(&mut stuck, Call::new(KIND, 1).limit("a", 9)).await.unwrap();
    schema.clock.advance(LEASE + SECOND);
    let rescued = |rescued: Vec<Rescued>| rescued.into_iter().map(|one| (one.id, one.state)).collect::<BTreeSet<_>>();
    let first = rescued(within(store.rescue(9)).await.unwrap());
    assert_eq!(first, BTreeSet::from([(ids[1], State::Available), (ids[2], State::Discarded)]));

    // Whose end lets others into the lane, in its turn.
    stuck.rollback().await.unwrap();
    let second = rescued(within(store.rescue(9)).await.unwrap());
    assert_eq!(second, BTreeSet::from([(ids[0], State::Discarded)]));
}

/// A long backlog of one lane is let in one by one, or many at once where the lane is wide.
#[tokio::test]
async fn a_wide_lane_lets_in_all_there_is_room_for() {
    let schema = Schema::new();
    let store = schema.open().await;
    let first = enqueue(&store, vec![NewJob { lane: lane("a", 1), ..work() }]).await;
    enqueue(&store, vec![NewJob { lane: lane("a", 1), ..work() }]).await;
    enqueue(&store, (0..60).map(|_| NewJob { lane: lane("a", 50), ..work() }).collect()).await;
    assert_eq!(schema.number(FULLEST).await, 1);
    store.change(first, Change::Cancel).await.unwrap();
    assert_eq!(schema.number(FULLEST).await, 50);
    assert_eq!(store.stats().await.unwrap().total().count(State::Available), 50);
}

fn lane(name: &'static str, width: u32) -> Option<Lane> {
    Some(Lane { name: name.into(), width })
}
