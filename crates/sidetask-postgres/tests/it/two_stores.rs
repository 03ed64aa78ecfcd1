//! What processes do to one schema at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Change, Finish, JobId, Progress, ProgressUpdate, Purge, State, Store, Verdict};
use tokio::task::JoinSet;

use crate::shared::{KIND, SECOND, Schema, claim, done, enqueue, finish, try_claim, within, work};

fn works(number: usize) -> Vec<sidetask_core::NewJob> {
    (0..number).map(|_| work()).collect()
}

/// Jobs go from state to state, and the rows of the counts are folded, but none is ever missing or counted twice.
#[tokio::test(flavor = "multi_thread")]
async fn counts_are_exact_whenever_they_are_read() {
    const JOBS: usize = 40;
    let schema = Schema::new();
    let stores = [schema.open().await, schema.open().await];
    enqueue(&stores[0], works(JOBS)).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for store in &stores {
        let (store, worker, is_over) = (store.clone(), schema.join(store).await, Arc::clone(&is_over));
        tasks.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                for (at, claimed) in claim(&store, worker, KIND, 3).await.into_iter().enumerate() {
                    let outcomes = [Outcome::Released(Duration::ZERO), Outcome::Snoozed(SECOND)];
                    let outcome = outcomes.get(at).cloned().unwrap_or(Outcome::Failed("no".to_owned()));
                    finish(&store, Finish { token: claimed.token, outcome, retry_in: Duration::ZERO, log: None }).await;
                }
            }
        });
    }
    // As much to fold as there is after a while.
    let many = "INSERT INTO {s}.tallies SELECT 'default', n % 2 * 2 - 1, 0, 0, 0, 0, 0, 0
                FROM generate_series(1, 11000) AS n";
    for _ in 0..20 {
        schema.sql(many).await;
        let (one, two, _) = tokio::join!(stores[0].stats(), stores[1].stats(), stores[0].rescue(10));
        for stats in [one, two] {
            let stats = stats.unwrap();
            assert_eq!(stats.total().total(), JOBS as u64, "{stats:?}");
        }
        tokio::task::yield_now().await;
    }
    is_over.store(true, Ordering::Relaxed);
    within(tasks.join_all()).await;
    let stats = stores[1].stats().await.unwrap().total();
    for (state, code) in [(State::Scheduled, 0), (State::Available, 1), (State::Running, 2), (State::Retryable, 3)] {
        let there = schema.number(&format!("SELECT count(*) FROM {{s}}.jobs WHERE state = {code}")).await;
        assert_eq!(stats.count(state), there.unsigned_abs(), "{state}");
    }
}

#[tokio::test]
async fn whoever_leads_folds_the_rows_of_the_counts() {
    let schema = Schema::new();
    let store = schema.open().await;
    store.pause("other", true).await.unwrap();
    schema.sql("INSERT INTO {s}.tallies SELECT 'a', 1, 2, 0, 0, 0, 0, 0 FROM generate_series(1, 600)").await;
    schema.sql("INSERT INTO {s}.tallies SELECT 'b', 1, -1, 0, 0, 0, 0, 0 FROM generate_series(1, 600)").await;
    schema.sql("INSERT INTO {s}.tallies SELECT 'b', -1, 1, 0, 0, 0, 0, 0 FROM generate_series(1, 600)").await;
    let before = store.stats().await.unwrap();
    store.rescue(10).await.unwrap();
    assert_eq!(schema.number("SELECT count(*) FROM {s}.tallies").await, 2);
    let after = store.stats().await.unwrap();
    assert_eq!(format!("{after:?}"), format!("{before:?}"), "a queue with nothing in it is still known");
    assert_eq!(after.queue("a").total(), 1800);
    store.rescue(10).await.unwrap();
    assert_eq!(schema.number("SELECT count(*) FROM {s}.tallies").await, 2);
}

#[tokio::test]
async fn where_nobody_leads_a_reader_folds_the_rows_of_the_counts() {
    let schema = Schema::new();
    let store = schema.open().await;
    schema.sql("INSERT INTO {s}.tallies SELECT 'a', 1, 0, 0, 0, 0, 0, 0 FROM generate_series(1, 11000)").await;
    assert_eq!(store.stats().await.unwrap().total().total(), 11_000);
    assert_eq!(schema.number("SELECT count(*) FROM {s}.tallies").await, 1);
    assert_eq!(store.stats().await.unwrap().total().total(), 11_000);
}

/// The same jobs, in opposite orders, by everything that locks more than one of them.
#[tokio::test(flavor = "multi_thread")]
async fn batches_in_opposite_orders_do_not_block_each_other() {
    let schema = Schema::new();
    let stores = [schema.open().await, schema.open().await];
    let worker = schema.join(&stores[0]).await;
    let mut ids = enqueue(&stores[0], works(60)).await;
    let mut claimed = claim(&stores[0], worker, KIND, 30).await;
    let running: Vec<JobId> = claimed.iter().map(|claimed| claimed.token.job).collect();
    let mut tasks = JoinSet::new();
    for store in stores.iter().chain(&stores) {
        ids.reverse();
        claimed.reverse();
        let (store, ids, claimed) = (store.clone(), ids.clone(), claimed.clone());
        tasks.spawn(async move {
            for round in 0..8 {
                let progress = Progress { done: round, total: 8, message: None };
                let updates = claimed.iter().map(|job| ProgressUpdate {
                    token: job.token,
                    progress: Some(progress.clone()),
                    log: None,
                });
                let verdicts = store.progress(updates.collect()).await.unwrap();
                assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Accepted(State::Running)));
                store.change(ids.clone(), Change::Retry).await.unwrap();
                store.change(ids.clone(), Change::Reschedule(SECOND)).await.unwrap();
                store.change(ids.clone(), Change::Cancel).await.unwrap();
            }
        });
    }
    within(tasks.join_all()).await;
    for job in stores[1].jobs(ids.clone()).await.unwrap() {
        let job = job.unwrap();
        let expected = if running.contains(&job.id) { State::Running } else { State::Cancelled };
        assert_eq!((job.state, job.cancel_requested), (expected, expected == State::Running));
    }
    let finishes = claimed.iter().map(|claimed| done(claimed.token)).collect();
    let verdicts = stores[0].finish(finishes).await.unwrap();
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Accepted(State::Cancelled)));
}

/// Whoever goes while a claim is under way leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_leaves_while_it_claims_keeps_no_job() {
    let schema = Schema::new();
    let (one, two) = (schema.open().await, schema.open().await);
    enqueue(&one, works(20)).await;
    for _ in 0..30 {
        let worker = schema.join(&one).await;
        let claim = async {
            let claimed = try_claim(&one, worker, KIND, 5).await;
            assert!(claimed.is_ok() || claimed.unwrap_err().is_lease_lost());
        };
        let (_, left) = tokio::join!(claim, two.leave(worker));
        left.unwrap();
        assert_eq!(one.stats().await.unwrap().total().count(State::Available), 20);
    }
    assert_eq!(schema.number("SELECT count(*) FROM {s}.jobs WHERE worker IS NOT NULL").await, 0);
}

/// A job that ended is deleted or brought back, not both.
#[tokio::test(flavor = "multi_thread")]
async fn each_job_is_purged_once_or_retried() {
    const JOBS: usize = 60;
    let schema = Schema::new();
    let stores = [schema.open().await, schema.open().await];
    let ids = enqueue(&stores[0], works(JOBS)).await;
    stores[0].change(ids.clone(), Change::Cancel).await.unwrap();
    let purged = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for store in &stores {
        let (store, purged) = (store.clone(), Arc::clone(&purged));
        tasks.spawn(async move {
            for _ in 0..20 {
                let purge = Purge { state: State::Cancelled, older_than: Duration::ZERO, limit: 3 };
                purged.fetch_add(store.purge(purge).await.unwrap(), Ordering::Relaxed);
            }
        });
    }
    let mut retried = 0;
    for id in ids.iter().rev() {
        let states = stores[1].change(vec![*id], Change::Retry).await.unwrap();
        retried += usize::from(states[0] == Some(State::Available));
    }
    within(tasks.join_all()).await;
    assert_eq!(retried + purged.load(Ordering::Relaxed), JOBS);
    let total = stores[0].stats().await.unwrap().total();
    assert_eq!((total.count(State::Available), total.total()), (retried as u64, retried as u64));
}
