//! The whole program, and what a page does when its worker dies.

use sidetask::testing::TestQueue;
use sidetask::{Filter, Page};

use super::*;

fn options(database: PathBuf) -> Options {
    Options { rows: 300, page: 20, database, run: "first".to_owned(), seed: 7 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_copied_at_the_services_pace_and_nothing_is_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sync.db");
    let summary = run(options(path.clone())).await.unwrap();
    assert_eq!((summary.rows, summary.pages, summary.before), (900, 45, 0), "{summary}");
    assert!(summary.seen.refused > 0 && summary.seen.failed > 0, "{summary}");
    assert_eq!(summary.seen.impatient, 0, "{summary}");

    let again = run(options(path.clone())).await.unwrap();
    assert_eq!((again.seen.calls, again.rows, again.before), (0, 900, 900), "{again}");
    let another = run(Options { run: "second".to_owned(), ..options(path) }).await.unwrap();
    assert!(another.seen.calls >= 45 && another.rows == 900, "{another}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_after_the_commit_copies_its_page_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sync.db");
    // It answers this seed's first two calls.
    let service = Service::start(100, 20, 1).await.unwrap();
    let jobs = SqliteOptions::new(&path).shared(true).open().await.unwrap();
    let client = Client::new(Arc::new(jobs.clone()));
    let copy = Copy::new(service.url(), path, jobs).unwrap();

    let queue = TestQueue::builder().state(copy.clone()).build().unwrap();
    let crashed = queue.crash_worker(page::of("first", "contacts", 0)).await.unwrap();
    let (lost, next) = (crashed.lost.output().unwrap(), crashed.next.unwrap().output().unwrap());
    assert_eq!((lost.rows, lost.next), (20, next.next));
    assert_eq!(copy.rows().unwrap(), 20);
    let enqueued = client.list(Filter::all(), Page::default()).await.unwrap();
    assert_eq!(enqueued.iter().map(|job| job.key.as_deref()).collect::<Vec<_>>(), [Some("first/contacts/20")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_refused_comes_back_when_the_service_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sync.db");
    let service = Service::start(100, 20, 1).await.unwrap();
    let jobs = SqliteOptions::new(&path).shared(true).open().await.unwrap();
    let queue = TestQueue::builder().state(Copy::new(service.url(), path, jobs).unwrap()).build().unwrap();
    let mut refused = None;
    for from in 0..200 {
        let run = queue.run_job(page::of("first", "contacts", from)).await.unwrap();
        if run.error() == Some("429 Too Many Requests") {
            refused = run.next_in();
            break;
        }
    }
    assert_eq!(refused, Some(Duration::from_secs(1)));
}
