use std::collections::HashSet;
use std::time::Duration;

use sidetask_core::{
    Claim, Event, Events, Finish, IdSource, Joining, Json, Kinds, Page, State, Store, Verdict, Want, lifecycle::Outcome,
};
use sidetask_sqlite::SqliteStore;

use crate::job;

async fn pair() -> (tempfile::TempDir, SqliteStore, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let (one, other) = (SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap());
    (dir, one, other)
}

async fn hears_of_a_change(events: &mut Events) -> bool {
    let heard = async {
        while let Some(batch) = events.next().await {
            if batch.contains(&Event::Changed) {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(Duration::from_secs(10), heard).await.unwrap_or(false)
}

#[tokio::test]
async fn what_another_store_writes_is_noticed() {
    let (_dir, one, other) = pair().await;
    let mut events = other.listen();
    for _ in 0..20 {
        one.enqueue(vec![job("seen")]).await.unwrap();
        assert!(hears_of_a_change(&mut events).await);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_another_store_writes_is_noticed_through_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("jobs.db"), dir.path().join("link.db"));
    let one = SqliteStore::open(&path).await.unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let other = SqliteStore::open(&link).await.unwrap();
    let mut events = other.listen();
    one.enqueue(vec![job("seen")]).await.unwrap();
    assert!(hears_of_a_change(&mut events).await);
}

#[tokio::test]
async fn what_a_store_writes_itself_is_no_change_by_another() {
    let (_dir, one, _other) = pair().await;
    let mut events = one.listen();
    for _ in 0..50 {
        one.enqueue(vec![job("own")]).await.unwrap();
        let batch = events.next().await.unwrap();
        assert!(matches!(*batch, [Event::Available { .. }]), "{batch:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_under_load_lose_and_share_nothing() {
    let (_dir, one, other) = pair().await;
    let mut running = Vec::new();
    for store in [&one, &other] {
        for _ in 0..4 {
            let store = store.clone();
            running.push(tokio::spawn(async move {
                let mut ids = Vec::new();
                for _ in 0..100 {
                    ids.push(store.enqueue(vec![job("load")]).await.unwrap()[0].id);
                }
                ids
            }));
        }
    }
    let workers = [tokio::spawn(drain(one.clone(), 800)), tokio::spawn(drain(other.clone(), 800))];
    let mut stored = HashSet::new();
    for producer in running {
        stored.extend(producer.await.unwrap());
    }
    assert_eq!(stored.len(), 800);

    let (mut done, mut total) = (HashSet::new(), 0);
    for worker in workers {
        let finished = worker.await.unwrap();
        total += finished.len();
        done.extend(finished);
    }
    assert_eq!(total, 800, "a job was finished twice");
    assert_eq!(done, stored);
    assert_eq!(one.stats().await.unwrap().total().count(State::Completed), 800);
    assert_eq!(other.stats().await.unwrap(), one.stats().await.unwrap());
    assert_eq!(other.list(Default::default(), Page::first(1000)).await.unwrap().jobs.len(), 800);
}

/// Claims and finishes until the file has seen this many jobs completed.
async fn drain(store: SqliteStore, until: u64) -> Vec<sidetask_core::JobId> {
    let worker = IdSource::new().worker(store.clock().now());
    store.join(Joining { worker, name: "drain".into(), lease: Duration::from_secs(60) }).await.unwrap();
    let claim =
        Claim { worker, kinds: Kinds::from_iter(["load"]), wants: vec![Want { queue: "default".into(), limit: 7 }] };
    let mut done = Vec::new();
    while store.stats().await.unwrap().total().count(State::Completed) < until {
        let claimed = store.claim(claim.clone()).await.unwrap();
        let finishes = claimed
            .iter()
            .map(|job| Finish {
                token: job.token,
                outcome: Outcome::Completed(Json::from_stored("null")),
                retry_in: Duration::ZERO,
                log: None,
            })
            .collect();
        let verdicts = store.finish(finishes).await.unwrap();
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Accepted(State::Completed)));
        done.extend(claimed.into_iter().map(|job| job.token.job));
    }
    done
}
