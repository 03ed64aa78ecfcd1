//! Claims whose answer is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sidetask_core::{Claim, JobId, Kinds, State, Store, Verdict, Want};

use crate::shared::{KIND, QUEUE, Schema, claim, done, enqueue, finish, work};

fn wish(worker: sidetask_core::WorkerId, limit: usize) -> Claim {
    Claim { worker, kinds: Kinds::from_iter([KIND]), wants: vec![Want { queue: QUEUE.to_owned(), limit }] }
}

/// Waits until a statement of this schema waits for a lock.
async fn until_blocked(schema: &Schema) {
    let blocked = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{}.workers%'",
        schema.name
    );
    let blocked = async { while schema.number(&blocked).await == 0 {} };
    tokio::time::timeout(Duration::from_secs(20), blocked).await.expect("a claim waits");
}

/// The caller goes away while the server works on its claim, which is then carried out all the same.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_claim_that_nobody_waited_for_are_handed_out_by_the_next() {
    let schema = Schema::new();
    let store = schema.open().await;
    let mut stored = enqueue(&store, (0..5).map(|_| work()).collect()).await;
    let worker = schema.join(&store).await;
    let mut other = schema.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.query(&format!("SELECT id FROM {}.workers FOR UPDATE", schema.name), &[]).await.unwrap();
    let lost = {
        let store = store.clone();
        tokio::spawn(async move { store.claim(wish(worker, 3)).await })
    };
    until_blocked(&schema).await;
    lost.abort();
    assert!(lost.await.unwrap_err().is_cancelled());
    lock.commit().await.unwrap();
    let is_done = async { while schema.number("SELECT count(*) FROM {s}.jobs WHERE state = 2").await < 3 {} };
    tokio::time::timeout(Duration::from_secs(20), is_done).await.expect("the claim is carried out");

    let first = claim(&store, worker, KIND, 2).await;
    let second = claim(&store, worker, KIND, 2).await;
    let third = claim(&store, worker, KIND, 10).await;
    let counts = [first.len(), second.len(), third.len()];
    assert!(counts == [2, 1, 2] || counts == [2, 2, 1], "no more than wanted: {counts:?}");
    let handed_out = [&first[..], &second].concat();
    let first_three: Vec<_> = handed_out.iter().take(3).map(|claimed| claimed.token.job).collect();
    assert!(stored[..3].iter().all(|job| first_three.contains(job)), "nothing else before");
    let mut taken = Vec::new();
    for claimed in [first, second, third].concat() {
        assert_eq!((claimed.token.attempt, claimed.token.fence), (1, 1));
        assert_eq!(finish(&store, done(claimed.token)).await, Verdict::Accepted(State::Completed));
        taken.push(claimed.token.job);
    }
    stored.sort_unstable();
    taken.sort_unstable();
    assert_eq!(taken, stored);
}

/// The next claim comes before the one that nobody waited for: that one takes nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_comes_after_a_later_one_takes_nothing() {
    let schema = Schema::new();
    let store = schema.open().await;
    enqueue(&store, (0..2).map(|_| work()).collect()).await;
    let worker = schema.join(&store).await;
    let mut other = schema.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.query(&format!("SELECT id FROM {}.workers FOR UPDATE", schema.name), &[]).await.unwrap();
    let late = {
        let store = store.clone();
        tokio::spawn(async move { store.claim(wish(worker, 1)).await })
    };
    until_blocked(&schema).await;
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    lock.execute(&format!("UPDATE {}.workers SET claim = 7", schema.name), &[]).await.unwrap();
    lock.commit().await.unwrap();

    let claimed = claim(&store, worker, KIND, 10).await;
    assert_eq!(claimed.len(), 2);
    assert!(claimed.iter().all(|claimed| (claimed.token.attempt, claimed.token.fence) == (1, 1)), "{claimed:?}");
}

/// The server ends the connection while it works on a claim, which is then undone.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_connection_is_ended_leaves_its_jobs_to_the_next() {
    let schema = Schema::new();
    let store = schema.open().await;
    let stored = enqueue(&store, vec![work()]).await;
    let worker = schema.join(&store).await;
    let mut other = schema.connect().await;
    let lock = other.transaction().await.unwrap();
    lock.query(&format!("SELECT id FROM {}.workers FOR UPDATE", schema.name), &[]).await.unwrap();
    let lost = {
        let store = store.clone();
        tokio::spawn(async move { store.claim(wish(worker, 3)).await })
    };
    until_blocked(&schema).await;
    terminate(&schema, "wait_event_type = 'Lock'").await;
    assert!(lost.await.unwrap().unwrap_err().is_storage());
    lock.commit().await.unwrap();
    let claimed = claim(&store, worker, KIND, 3).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.token.job).collect::<Vec<_>>(), stored);
    assert_eq!(claimed[0].token.attempt, 1);
}

/// Connections are ended again and again: every job is handed out once, and none stays with a worker that does not know.
#[tokio::test(flavor = "multi_thread")]
async fn every_job_is_handed_out_once_while_connections_are_ended() {
    const ENDED: usize = 5;
    let schema = Schema::new();
    let store = schema.open().await;
    let worker = schema.join(&store).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let ending = {
        let (name, is_over) = (schema.name.clone(), Arc::clone(&is_over));
        let client = schema.connect().await;
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let end = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%{name}.workers SET claim%'
                     AND pid <> pg_backend_pid()"
                );
                client.query(&end, &[]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        })
    };
    let mut taken: HashMap<JobId, usize> = HashMap::new();
    let (mut stored, mut failures) = (0, 0);
    let all = async {
        while failures < ENDED || taken.len() < stored {
            if taken.len() == stored {
                stored += enqueue(&store, (0..100).map(|_| work()).collect()).await.len();
            }
            match store.claim(wish(worker, 3)).await {
                Ok(claimed) => {
                    for claimed in claimed {
                        assert_eq!(claimed.token.attempt, 1);
                        *taken.entry(claimed.token.job).or_default() += 1;
                    }
                }
                Err(error) => {
                    assert!(error.is_storage(), "{error}");
                    failures += 1;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("all jobs are handed out");
    is_over.store(true, Ordering::Relaxed);
    ending.await.unwrap();
    assert_eq!(taken.len(), stored);
    assert!(taken.values().all(|&times| times == 1), "{taken:?}");
}

/// Claims of one worker by two stores, each of which numbers them from one.
#[tokio::test]
async fn a_store_goes_on_where_another_claimed_for_the_same_worker() {
    let schema = Schema::new();
    let stores = [schema.open().await, schema.open().await];
    enqueue(&stores[0], (0..6).map(|_| work()).collect()).await;
    let worker = schema.join(&stores[0]).await;
    for n in 0..6 {
        assert_eq!(claim(&stores[n / 2 % 2], worker, KIND, 1).await.len(), 1);
    }
}

async fn terminate(schema: &Schema, which: &str) {
    let text = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {which} AND query LIKE '%{}.%'
         AND pid <> pg_backend_pid()",
        schema.name
    );
    assert!(schema.number(&text).await > 0);
}
