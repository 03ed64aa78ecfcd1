use std::time::Duration;

use rusqlite::Connection;
use sidetask_core::{Call, Event, IdSource, State, Store};
use sidetask_sqlite::{SqliteOptions, SqliteStore, rusqlite};

async fn store_and_connection() -> (tempfile::TempDir, SqliteStore, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE users (email TEXT)").unwrap();
    (dir, store, conn)
}

fn welcome() -> Call {
    Call::new("mail.welcome", ["ada@example.com"])
}

#[tokio::test]
async fn a_job_exists_if_and_only_if_the_transaction_is_committed() {
    let (_dir, store, mut conn) = store_and_connection().await;
    let tx = conn.transaction().unwrap();
    let rolled_back = store.enqueue_in(&tx, welcome()).unwrap().id;
    assert!(store.jobs(vec![rolled_back]).await.unwrap()[0].is_none(), "visible before the commit");
    tx.rollback().unwrap();
    assert!(store.jobs(vec![rolled_back]).await.unwrap()[0].is_none());
    assert_eq!(store.stats().await.unwrap().total().total(), 0);

    let tx = conn.transaction().unwrap();
    tx.execute("INSERT INTO users VALUES ('ada@example.com')", []).unwrap();
    let now = store.enqueue_in(&tx, welcome()).unwrap().id;
    let later = store.enqueue_in(&tx, welcome().delay(Duration::from_secs(60))).unwrap().id;
    tx.commit().unwrap();
    let records = store.jobs(vec![now, later]).await.unwrap();
    let states: Vec<State> = records.iter().flatten().map(|job| job.state).collect();
    assert_eq!(states, [State::Available, State::Scheduled]);
    let counts = store.stats().await.unwrap().queue("default");
    assert_eq!((counts.count(State::Available), counts.count(State::Scheduled)), (1, 1));
}

#[tokio::test]
async fn the_commit_is_noticed_without_polling() {
    let (_dir, store, mut conn) = store_and_connection().await;
    let mut events = store.listen();
    let tx = conn.transaction().unwrap();
    store.enqueue_in(&tx, welcome()).unwrap();
    tx.commit().unwrap();
    let batch = tokio::time::timeout(Duration::from_secs(10), events.next()).await.unwrap().unwrap();
    assert_eq!(*batch, [Event::Changed]);
}

#[tokio::test]
async fn a_key_holds_across_transactions() {
    let (_dir, store, mut conn) = store_and_connection().await;
    let tx = conn.transaction().unwrap();
    let first = store.enqueue_in(&tx, welcome().key("ada")).unwrap();
    let again = store.enqueue_in(&tx, welcome().key("ada")).unwrap();
    tx.commit().unwrap();
    assert!(!first.existed && again.existed && first.id == again.id);
    let job = welcome().key("ada").into_new_job(None, 1024).unwrap();
    assert_eq!(store.enqueue(vec![job]).await.unwrap()[0].id, first.id);
}

#[tokio::test]
async fn an_id_given_ahead_holds_across_transactions() {
    let (_dir, store, mut conn) = store_and_connection().await;
    let id = IdSource::new().job(store.clock().now());
    let tx = conn.transaction().unwrap();
    assert_eq!(store.enqueue_in(&tx, welcome().id(id)).unwrap().id, id);
    tx.rollback().unwrap();

    let tx = conn.transaction().unwrap();
    let first = store.enqueue_in(&tx, welcome().id(id)).unwrap();
    let again = store.enqueue_in(&tx, welcome().id(id)).unwrap();
    tx.commit().unwrap();
    assert_eq!([(first.id, first.existed), (again.id, again.existed)], [(id, false), (id, true)]);
    let job = welcome().id(id).into_new_job(None, 1024).unwrap();
    assert_eq!(store.enqueue(vec![job]).await.unwrap()[0], again);
    assert_eq!(store.stats().await.unwrap().total().total(), 1);
}

#[tokio::test]
async fn a_connection_to_another_file_is_refused() {
    let (_dir, store, _conn) = store_and_connection().await;
    let (_other_dir, _other, mut elsewhere) = store_and_connection().await;
    let mut empty = Connection::open_in_memory().unwrap();
    for conn in [&mut elsewhere, &mut empty] {
        let tx = conn.transaction().unwrap();
        let error = store.enqueue_in(&tx, welcome()).unwrap_err();
        assert!(error.is_unusable() && error.to_string().contains("app.db"), "{error}");
    }
}

#[tokio::test]
async fn large_arguments_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    let store = SqliteOptions::new(&path).max_args_bytes(100).open().await.unwrap();
    let mut conn = Connection::open(&path).unwrap();
    let tx = conn.transaction().unwrap();
    let error = store.enqueue_in(&tx, Call::new("k", "x".repeat(99))).unwrap_err();
    assert!(error.is_too_large(), "{error}");
    store.enqueue_in(&tx, Call::new("k", "x".repeat(98))).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_begins_with_a_job_waits_its_turn() {
    let (_dir, store, mut conn) = store_and_connection().await;
    let busy = store.clone();
    let load = tokio::spawn(async move {
        loop {
            busy.enqueue(vec![welcome().into_new_job(None, 1024).unwrap()]).await.unwrap();
        }
    });
    let enqueued = tokio::task::spawn_blocking(move || {
        for _ in 0..300 {
            let tx = conn.transaction().unwrap();
            store.enqueue_in(&tx, welcome()).unwrap();
            tx.commit().unwrap();
        }
    });
    enqueued.await.unwrap();
    load.abort();
}
