use std::path::Path;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Call, Change, Claim, Clock, Filter, Finish, IdSource, JobId, Joining, Json, Kinds, Page, State, Store, SystemClock,
    Verdict, Want,
};
use sidetask_sqlite::{SqliteOptions, SqliteStore, rusqlite};

/// A file as the first version wrote it, with a job in each state, due or begun an hour ago.
fn first_version(path: &Path) -> Vec<JobId> {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(include_str!("../../migrations/0001_jobs.sql")).unwrap();
    conn.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE sidetask_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
         INSERT INTO sidetask_meta VALUES ('version', '1'), ('store', 'first');
         INSERT INTO sidetask_queues VALUES ('default', 0, 1, 1, 1, 1, 1, 1, 1);",
    )
    .unwrap();
    let (ids, now) = (IdSource::new(), SystemClock.now());
    let then = now.before(Duration::from_secs(3600)).as_micros();
    let store = |state: State| {
        let id = ids.job(now);
        conn.execute(
            "INSERT INTO sidetask_jobs
                 (id, state, priority, run_at, attempt, max_attempts, fence, worker, queue, kind, created_at,
                  attempted_at, finished_at, key, args)
             VALUES (?1, ?2, 0, ?3, 1, 3, 1, ?4, 'default', 'kind', ?3, ?3, ?5, ?6, '1')",
            rusqlite::params![
                id.as_bytes(),
                state.code(),
                then,
                (state == State::Running).then_some([7_u8; 16]),
                state.is_final().then_some(then),
                state.as_str(),
            ],
        )
        .unwrap();
        id
    };
    State::ALL.map(store).into()
}

#[tokio::test]
async fn the_form_of_a_file_is_read_without_changing_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    assert!(SqliteOptions::new(&path).schema().await.unwrap_err().is_storage() && !path.exists());
    std::fs::write(&path, "").unwrap();
    let empty = SqliteOptions::new(&path).schema().await.unwrap();
    assert_eq!((empty.version, empty.migrations.len(), std::fs::read(&path).unwrap().len()), (0, 4, 0));

    first_version(&path);
    let looked = SqliteOptions::new(&path).schema().await.unwrap();
    assert_eq!((looked.version, looked.migrations.len()), (1, 4));
    assert_eq!(SqliteOptions::new(&path).schema().await.unwrap(), looked);
    SqliteStore::open(&path).await.unwrap().close().await.unwrap();
    assert_eq!(SqliteOptions::new(&path).schema().await.unwrap().version, 4);

    let other = dir.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (id)").unwrap();
    assert!(SqliteOptions::new(&other).schema().await.unwrap_err().is_unusable());
    assert_eq!(SqliteOptions::new(&other).shared(true).schema().await.unwrap().version, 0);
}

#[tokio::test]
async fn jobs_of_the_first_version_go_on_in_every_state() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.db");
    let ids = first_version(&path);
    let store = SqliteStore::open(&path).await.unwrap();
    for (job, state) in store.jobs(ids.clone()).await.unwrap().into_iter().zip(State::ALL) {
        let job = job.unwrap();
        assert_eq!((job.state, job.lane, job.held), (state, None, false));
        assert_eq!((job.key.as_deref(), job.args.as_str(), job.attempt), (Some(state.as_str()), "1", 1));
        assert_eq!((job.fence, job.timeout, job.trace), (1, None, None));
        assert!(store.operate().logs(job.id).await.unwrap().is_empty());
    }
    let schema = store.operate().schema().await.unwrap();
    let names: Vec<&str> = schema.migrations.iter().map(|migration| migration.name.as_str()).collect();
    assert_eq!((schema.version, names), (4, vec!["jobs", "lanes", "schedules", "operate"]));
    assert_eq!(store.operate().oldest_due().await.unwrap().len(), 1);
    for state in State::ALL {
        let listed = store.list(Filter::all().state(state), Page::default()).await.unwrap().jobs;
        assert_eq!(listed.len(), 1, "{state}");
    }

    assert_eq!(store.promote(10).await.unwrap().moved, 2, "the scheduled and the retryable one");
    assert_eq!(store.rescue(10).await.unwrap().len(), 1);
    store.change(ids[4..].to_vec(), Change::Retry).await.unwrap();
    let limited = Call::new("kind", 1).limit("lane", 1).into_new_job(None, 1024).unwrap();
    store.enqueue(vec![limited.clone(), limited]).await.unwrap();
    let worker = IdSource::new().worker(store.clock().now());
    store.join(Joining { worker, name: "test".into(), lease: Duration::from_secs(60) }).await.unwrap();
    let wants = vec![Want { queue: "default".into(), limit: 100 }];
    let claimed = store.claim(Claim { worker, kinds: Kinds::from_iter(["kind"]), wants }).await.unwrap();
    assert_eq!(claimed.len(), 8, "all seven, and one that is let in");
    let finish = |token| Finish {
        token,
        outcome: Outcome::Completed(Json::from_stored("2")),
        retry_in: Duration::ZERO,
        log: None,
    };
    let finishes = claimed.iter().map(|claimed| finish(claimed.token)).collect();
    assert_eq!(store.finish(finishes).await.unwrap(), [Verdict::Accepted(State::Completed); 8]);
    let attempts: u64 = store
        .operate()
        .activity(store.clock().now().before(Duration::from_secs(3600)))
        .await
        .unwrap()
        .iter()
        .map(|minute| minute.attempts)
        .sum();
    assert_eq!(attempts, 8);
    let counts = store.stats().await.unwrap().total();
    assert_eq!((counts.count(State::Completed), counts.count(State::Available), counts.total()), (8, 1, 9));
}
