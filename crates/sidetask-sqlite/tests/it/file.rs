use std::fs;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use sidetask_core::{Clock, Filter, Page, Store, Timestamp};
use sidetask_sqlite::{SqliteOptions, SqliteStore, rusqlite};

use crate::job;

#[tokio::test]
async fn a_store_that_is_opened_again_has_its_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let id = store.enqueue(vec![job("kept")]).await.unwrap()[0].id;
    store.close().await.unwrap();
    assert!(store.enqueue(vec![job("late")]).await.unwrap_err().is_closed());

    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.jobs(vec![id]).await.unwrap()[0].as_ref().unwrap().kind, "kept");
}

#[tokio::test]
async fn a_paused_queue_stays_paused_when_the_store_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.pause("mail", true).await.unwrap();
    store.close().await.unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let queues = store.stats().await.unwrap().queues;
    assert_eq!(queues.iter().map(|queue| (&*queue.queue, queue.paused)).collect::<Vec<_>>(), [("mail", true)]);
}

#[tokio::test]
async fn the_file_is_in_wal_mode_with_small_pages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(vec![job("any")]).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    let page_size: u32 = conn.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    assert_eq!((mode.as_str(), page_size), ("wal", 4096));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    let text = "not a database, and long enough to have had a header ".repeat(40);
    fs::write(&path, &text).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.is_unusable(), "{error:?}");
    assert!(error.to_string().contains("notes.txt") && error.to_string().contains("not a SQLite database"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_unless_shared() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE orders (n INTEGER)").unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.is_unusable() && error.to_string().contains("orders"), "{error}");
    assert!(error.to_string().contains("shared=true"), "{error}");

    let store = SqliteOptions::new(&path).shared(true).open().await.unwrap();
    store.enqueue(vec![job("beside orders")]).await.unwrap();
    store.close().await.unwrap();
    SqliteStore::open(&path).await.expect("a file that has our tables is ours too");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    SqliteStore::open(&path).await.unwrap().close().await.unwrap();
    let conn = Connection::open(&path).unwrap();
    for version in ["99", "2 beta"] {
        conn.execute("UPDATE sidetask_meta SET value = ?1 WHERE name = 'version'", [version]).unwrap();
        let error = SqliteStore::open(&path).await.unwrap_err();
        assert!(error.is_unusable() && error.to_string().contains("newer sidetask"), "{error}");
        let kept: String =
            conn.query_row("SELECT value FROM sidetask_meta WHERE name = 'version'", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, version);
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_written_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let missing = SqliteStore::open(dir.path().join("no/such/folder/jobs.db")).await.unwrap_err();
    assert!(missing.is_storage() && missing.to_string().contains("folder exists"), "{missing}");
    let folder = SqliteStore::open(dir.path()).await.unwrap_err();
    assert!(folder.is_storage(), "{folder:?}");
    let device = SqliteStore::open("/proc/jobs.db").await.unwrap_err();
    assert!(device.is_storage(), "{device:?}");
}

#[tokio::test]
async fn eight_stores_may_create_one_file_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let opening: Vec<_> = (0..8).map(|_| tokio::spawn(SqliteStore::open(path.clone()))).collect();
    let mut stores = Vec::new();
    for opening in opening {
        let store = opening.await.unwrap().unwrap();
        store.enqueue(vec![job("each")]).await.unwrap();
        stores.push(store);
    }
    assert_eq!(stores[0].list(Filter::all(), Page::default()).await.unwrap().jobs.len(), 8);
}

#[tokio::test]
async fn closing_moves_the_log_into_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let _events = store.listen();
    store.enqueue(vec![job("one")]).await.unwrap();
    store.close().await.unwrap();
    assert!(!dir.path().join("jobs.db-wal").exists());
}

#[tokio::test]
async fn a_clock_that_panics_ends_the_store_and_holds_up_nobody() {
    #[derive(Debug)]
    struct Broken;
    impl Clock for Broken {
        fn now(&self) -> Timestamp {
            panic!("the clock is broken")
        }
        fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(std::future::pending())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteOptions::new(dir.path().join("jobs.db")).clock(Arc::new(Broken)).open().await.unwrap();
    let mut events = store.listen();
    assert!(store.enqueue(vec![job("any")]).await.unwrap_err().is_closed());
    let soon = Duration::from_secs(10);
    assert!(tokio::time::timeout(soon, events.next()).await.expect("listeners hear the end").is_none());
    tokio::time::timeout(soon, store.close()).await.expect("closing ends").unwrap();
}

#[tokio::test]
async fn a_path_is_taken_for_nothing_but_a_file() {
    for (path, says) in [(":memory:", "memory store"), ("", "the path of a file")] {
        let error = SqliteStore::open(path).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    let name = format!("file:sidetask-test-{}.db", std::process::id());
    let store = SqliteStore::open(&name).await.unwrap();
    store.enqueue(vec![job("any")]).await.unwrap();
    store.close().await.unwrap();
    fs::remove_file(name).expect("it has just this name");
}
