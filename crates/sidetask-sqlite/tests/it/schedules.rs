use std::time::Duration;

use sidetask_core::{Clock, Enqueued, NewJob, Store, SystemClock, Tick, Timestamp};
use sidetask_sqlite::{SqliteStore, rusqlite};

use crate::job;

fn ticked(at: Timestamp) -> NewJob {
    NewJob { tick: Some(Tick { schedule: "nightly".to_owned(), at, missed: false }), ..job("tick") }
}

async fn offer(store: &SqliteStore, at: Timestamp) -> Enqueued {
    store.enqueue(vec![ticked(at)]).await.unwrap()[0]
}

#[tokio::test]
async fn a_store_that_is_opened_again_knows_its_ticks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let now = SystemClock.now();
    let store = SqliteStore::open(&path).await.unwrap();
    let first = offer(&store, now).await;
    store.close().await.unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(offer(&store, now).await, Enqueued { id: first.id, existed: true });
    assert!(!offer(&store, now.after(Duration::from_secs(1))).await.existed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_take_each_tick_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let stores = [SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap()];
    let begin = SystemClock.now();
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = stores[n % 2].clone();
        callers.spawn(async move {
            let mut made = Vec::new();
            for second in 0..50 {
                let answer = offer(&store, begin.after(Duration::from_secs(second))).await;
                made.extend((!answer.existed).then_some(second));
            }
            made
        });
    }
    let mut made: Vec<u64> = callers.join_all().await.into_iter().flatten().collect();
    made.sort_unstable();
    assert!(made.is_sorted_by(|one, other| one < other), "a tick was taken twice: {made:?}");
    assert_eq!(made.last(), Some(&49));
    assert_eq!(stores[0].stats().await.unwrap().total().total(), made.len() as u64);
}

#[tokio::test]
async fn a_damaged_schedule_stalls_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let now = SystemClock.now();
    offer(&store, now).await;
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute("UPDATE sidetask_schedules SET job = x'0102'", []).unwrap();
    assert!(offer(&store, now).await.existed, "the tick stays taken");
    assert!(!offer(&store, now.after(Duration::from_secs(1))).await.existed);
}
