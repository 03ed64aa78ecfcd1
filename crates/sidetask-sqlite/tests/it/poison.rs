use std::time::Duration;

use rusqlite::Connection;
use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Claim, Filter, Finish, IdSource, Joining, Kinds, Page, State, Store, Verdict, Want};
use sidetask_sqlite::{SqliteStore, rusqlite};

use crate::job;

/// What a damaged disk, a hand at work or a newer version may leave in a row.
const DAMAGES: &[&str] = &[
    "UPDATE sidetask_jobs SET args = '{\"half\":' WHERE seq = 1",
    "UPDATE sidetask_jobs SET args = CAST(x'ff00fe' AS TEXT), kind = CAST(x'ff' AS TEXT) WHERE seq = 1",
    "UPDATE sidetask_jobs SET id = x'0102' WHERE seq = 1",
    "UPDATE sidetask_jobs SET errors = 'no list', progress = 'nor this' WHERE seq = 1",
    "UPDATE sidetask_jobs SET errors = CAST(x'ff' AS TEXT) WHERE seq = 1",
    "UPDATE sidetask_jobs SET attempt = -5, max_attempts = 99999999999, fence = -9, priority = 123456 WHERE seq = 1",
    "UPDATE sidetask_jobs SET worker = 'text'  WHERE seq = 1 AND 0; UPDATE sidetask_jobs SET worker = x'00' WHERE seq = 1",
    "UPDATE sidetask_jobs SET state = 77 WHERE seq = 1",
    "UPDATE sidetask_jobs SET timeout = -1, run_at = -9223372036854775808 WHERE seq = 1",
];

#[tokio::test]
async fn a_damaged_row_stalls_no_other() {
    for damage in DAMAGES {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jobs.db");
        let store = SqliteStore::open(&path).await.unwrap();
        let ids = store.enqueue(vec![job("poison"), job("sound"), job("sound")]).await.unwrap();
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();

        let worker = IdSource::new().worker(store.clock().now());
        store.join(Joining { worker, name: "w".into(), lease: Duration::from_secs(60) }).await.unwrap();
        let wants = vec![Want { queue: "default".into(), limit: 10 }];
        let kinds = Kinds::from_iter(["poison", "sound"]);
        let claimed = store.claim(Claim { worker, kinds, wants }).await.unwrap();
        let sound: Vec<_> = claimed.iter().filter(|job| &*job.kind == "sound").map(|job| job.token.job).collect();
        assert_eq!(sound, [ids[1].id, ids[2].id], "{damage}");

        assert_eq!(store.list(Filter::all(), Page::default()).await.unwrap().jobs.len(), 3, "{damage}");
        let records = store.jobs(ids.iter().map(|job| job.id).collect()).await.unwrap();
        assert!(records[1..].iter().flatten().all(|job| job.state == State::Running), "{damage}");
        let token = claimed.iter().find(|job| &*job.kind == "sound").map(|job| job.token).unwrap();
        let finish =
            |token| Finish { token, outcome: Outcome::Failed("again".into()), retry_in: Duration::ZERO, log: None };
        let verdicts = store.finish(claimed.iter().map(|job| finish(job.token)).collect()).await.unwrap();
        let of_sound = claimed.iter().zip(verdicts).find(|(job, _)| job.token == token).unwrap().1;
        assert_eq!(of_sound, Verdict::Accepted(State::Available), "{damage}");
        store.stats().await.unwrap();
        store.promote(10).await.unwrap();
        store.rescue(10).await.unwrap();
        store.leave(worker).await.unwrap();
    }
}
