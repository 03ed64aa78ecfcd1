use std::time::Duration;

use rusqlite::Connection;
use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Change, Claim, Filter, Finish, IdSource, Joining, Json, Kinds, Page, Purge, State, Store, Timestamp, Verdict, Want,
};
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
    "UPDATE sidetask_jobs SET trace = 'nowhere', fence = -9223372036854775808 WHERE seq = 1",
    "UPDATE sidetask_jobs SET trace = CAST(x'ff' AS TEXT), held = -3, lane = CAST(x'fe' AS TEXT) WHERE seq = 1",
];

/// The same, beside the jobs.
const DAMAGES_BESIDE: &[&str] = &[
    "UPDATE sidetask_logs SET text = CAST(x'41ff00fe42' AS TEXT)",
    "UPDATE sidetask_logs SET attempt = -7",
    "UPDATE sidetask_logs SET attempt = 9223372036854775807",
    "UPDATE sidetask_logs SET job = x'01'",
    "UPDATE sidetask_activity SET completed = 9223372036854775807, failed = 9223372036854775807, ran = -1",
    "UPDATE sidetask_activity SET waited = 9223372036854775807, ran = 9223372036854775807, longest = -9223372036854775808",
    "UPDATE sidetask_activity SET minute = -9223372036854775808, queue = CAST(x'ff' AS TEXT)",
    "UPDATE sidetask_workers SET name = CAST(x'ff' AS TEXT), started_at = -9223372036854775808",
    "INSERT INTO sidetask_workers VALUES (x'00', 'short', 0, 0, 9223372036854775807)",
    "UPDATE sidetask_queues SET completed = -77, discarded = 4611686018427387903",
    "UPDATE sidetask_jobs SET queue = CAST(x'ff' AS TEXT), priority = 9223372036854775807 WHERE state = 1",
];

#[tokio::test]
async fn damage_beside_the_jobs_stalls_nothing() {
    for damage in DAMAGES_BESIDE {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jobs.db");
        let store = SqliteStore::open(&path).await.unwrap();
        let worker = IdSource::new().worker(store.clock().now());
        store.join(Joining { worker, name: "w".into(), lease: Duration::from_secs(60) }).await.unwrap();
        let run = async || {
            store.enqueue(vec![job("sound"), job("other")]).await.unwrap();
            let wants = vec![Want { queue: "default".into(), limit: 1 }];
            let claimed = store.claim(Claim { worker, kinds: Kinds::from_iter(["sound"]), wants }).await.unwrap();
            let token = claimed[0].token;
            let (outcome, log) = (Outcome::Permanent("no".into()), Some("text".into()));
            let verdicts = store.finish(vec![Finish { token, outcome, retry_in: Duration::ZERO, log }]).await.unwrap();
            assert_eq!(verdicts, [Verdict::Accepted(State::Discarded)], "{damage}");
            token.job
        };
        let first = run().await;
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let second = run().await;

        let operate = store.operate();
        assert_eq!(operate.logs(second).await.unwrap()[0].text, "text", "{damage}");
        operate.logs(first).await.unwrap();
        let activity = operate.activity(Timestamp::from_micros(i64::MIN)).await.unwrap();
        assert!(
            activity.iter().any(|minute| minute.queue == "default" && minute.attempts > 0),
            "{damage}: {activity:?}"
        );
        assert!(operate.workers().await.unwrap().iter().any(|known| known.id == worker), "{damage}");
        assert!(operate.oldest_due().await.unwrap().iter().any(|(queue, _)| queue == "default"), "{damage}");
        let discarded = Filter::all().state(State::Discarded);
        assert_eq!(store.list(discarded, Page::default()).await.unwrap().jobs.len(), 2, "{damage}");
        let purge = Purge { state: State::Discarded, older_than: Duration::ZERO, limit: 10 };
        assert_eq!(store.purge(purge).await.unwrap(), 2, "{damage}");
        assert!(operate.logs(second).await.unwrap().is_empty(), "{damage}");
    }
}

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
        store.operate().oldest_due().await.unwrap();
        let one_by_one = Filter::all().state(State::Available).state(State::Retryable);
        store.list(one_by_one, Page::first(1).examine(1)).await.unwrap();
        let rewrite = Change::Rewrite { args: Json::from_stored("1"), fence: 1, from: Json::from_stored("1") };
        store.change(ids.iter().map(|job| job.id).collect(), rewrite).await.unwrap();
        store.promote(10).await.unwrap();
        store.rescue(10).await.unwrap();
        store.leave(worker).await.unwrap();
    }
}
