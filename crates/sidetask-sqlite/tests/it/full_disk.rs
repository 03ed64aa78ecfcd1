use rusqlite::Connection;
use sidetask_core::{Call, NewJob, State, Store};
use sidetask_sqlite::{SqliteOptions, SqliteStore, rusqlite};

use crate::job;

fn of_size(bytes: usize) -> NewJob {
    Call::new("large", "x".repeat(bytes)).into_new_job(None, 1 << 20).unwrap()
}

async fn small_store(path: &std::path::Path) -> SqliteStore {
    SqliteOptions::new(path).max_bytes(400 * 1024).open().await.unwrap()
}

#[tokio::test]
async fn a_full_database_refuses_what_does_not_fit_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let store = small_store(&path).await;
    let mut stored = Vec::new();
    let error = loop {
        match store.enqueue(vec![of_size(20_000)]).await {
            Ok(enqueued) => stored.push(enqueued[0].id),
            Err(error) => break error,
        }
        assert!(stored.len() < 100, "the limit has no effect");
    };
    assert!(error.is_full() && error.to_string().contains("free some space"), "{error:?}");

    for record in store.jobs(stored.clone()).await.unwrap() {
        assert_eq!(record.unwrap().state, State::Available);
    }
    assert_eq!(store.stats().await.unwrap().total().total(), stored.len() as u64);
    store.close().await.unwrap();

    let verdict: String =
        Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(vec![of_size(20_000)]).await.expect("there is room without the limit");
}

#[tokio::test]
async fn a_batch_that_does_not_fit_leaves_nothing_of_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = small_store(&dir.path().join("jobs.db")).await;
    let batch = (0..50).map(|_| of_size(20_000)).collect();
    assert!(store.enqueue(batch).await.unwrap_err().is_full());
    assert_eq!(store.stats().await.unwrap().total().total(), 0);
    store.enqueue(vec![job("small")]).await.unwrap();
}

#[tokio::test]
async fn one_request_that_does_not_fit_does_not_spoil_the_others_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let store = small_store(&dir.path().join("jobs.db")).await;
    let requests: Vec<_> = (0..40)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let size = if n % 4 == 0 { 600_000 } else { 10 };
                (n, store.enqueue(vec![of_size(size)]).await)
            })
        })
        .collect();
    for request in requests {
        let (n, result) = request.await.unwrap();
        match result {
            Ok(_) => assert_ne!(n % 4, 0, "600 kB fitted into 400"),
            Err(error) => assert!(error.is_full() && n % 4 == 0, "{n}: {error:?}"),
        }
    }
    assert_eq!(store.stats().await.unwrap().total().total(), 30);
}
