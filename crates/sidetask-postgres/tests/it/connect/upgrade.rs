//! How a schema of an earlier version becomes one of this.

use std::collections::BTreeMap;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{
    Change, Claim, Filter, Finish, JobRecord, Joining, Json, Kinds, NewJob, Page, Token, Verdict, Want, WorkerId,
};
use sidetask_postgres_local::{schema, url};
use tokio::task::JoinSet;

use super::*;

/// What version 1 made, and what it wrote: a job in each state, one held in its lane, and one with a key.
const VERSION_1: &str = include_str!("../../../migrations/0001_jobs.sql");

const JOBS: &str = "
    INSERT INTO {s}.jobs (run_at, created_at, attempted_at, timeout, fence, attempt, max_attempts, id, worker, state,
        priority, held, queue, kind, key, lane, lane_width, errors, args)
    SELECT 1 + n, 1 + n, 2, 5000000, 7, 1, 3, lpad(to_hex(n), 32, '0')::uuid,
        CASE n WHEN 2 THEN lpad('9', 32, '0')::uuid END, CASE n WHEN 8 THEN 0 WHEN 9 THEN 1 ELSE n END, 5, n = 8, 'q',
        'old', CASE n WHEN 1 THEN 'key' END, CASE WHEN n IN (2, 8) THEN 'lane' END, CASE WHEN n IN (2, 8) THEN 1 END,
        '[{\"n\":1,\"t\":3,\"m\":\"no\"}]', '[1]'
    FROM unnest(ARRAY[0, 1, 2, 3, 8, 9]) AS n;
    INSERT INTO {s}.history (seq, run_at, created_at, attempted_at, finished_at, fence, attempt, max_attempts, id, state,
        priority, cancel_requested, named, queue, kind, args, output)
    SELECT n, 1, 1, 2, 3, 7, 1, 3, lpad(to_hex(n), 32, '0')::uuid, n, 5, false, false, 'q', 'old', '[1]', '2'
    FROM unnest(ARRAY[4, 5, 6]) AS n;
    INSERT INTO {s}.names SELECT 'old', 'key', lpad('1', 32, '0')::uuid;
    INSERT INTO {s}.tallies VALUES ('q', 2, 2, 1, 1, 1, 1, 1);
    INSERT INTO {s}.workers VALUES (lpad('9', 32, '0')::uuid, 'old', 1, 1, 9000000000000000000, 1, false)";

/// The name of a schema of version 1 with jobs.
async fn of_version_1() -> String {
    let (name, admin) = (schema(), connect(&url()).await);
    let meta = "CREATE SCHEMA {s}; CREATE TABLE {s}.meta (name text PRIMARY KEY, value text NOT NULL);
                INSERT INTO {s}.meta VALUES ('version', '1');";
    admin.batch_execute(&format!("{meta} {VERSION_1} {JOBS}").replace("{s}", &name)).await.unwrap();
    name
}

async fn all(store: &PostgresStore) -> Vec<JobRecord> {
    store.list(Filter::all(), Page::default()).await.unwrap().jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_in_every_state_outlive_the_upgrade_by_programs_that_start_at_once() {
    let name = of_version_1().await;
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        opening.spawn(options(&url(), &format!("schema={name}&max_connections=1")).open());
    }
    let stores: Vec<PostgresStore> = opening.join_all().await.into_iter().map(Result::unwrap).collect();
    let store = &stores[0];
    let jobs = all(store).await;
    let mut states: BTreeMap<State, usize> = BTreeMap::new();
    for job in &jobs {
        *states.entry(job.state).or_default() += 1;
        assert_eq!((&*job.kind, job.fence, job.trace), ("old", 7, None));
        assert_eq!(job.timeout, (!job.state.is_final()).then_some(Duration::from_secs(5)));
    }
    let counted = store.stats().await.unwrap().total();
    for state in State::ALL {
        let two = matches!(state, State::Scheduled | State::Available);
        assert_eq!((states[&state], counted.count(state)), if two { (2, 2) } else { (1, 1) }, "{state}");
    }
    for store in &stores {
        assert_eq!(store.operate().schema().await.unwrap().version, 2);
    }
}

#[tokio::test]
async fn what_was_under_way_goes_on_after_the_upgrade() {
    let name = of_version_1().await;
    let store = open(&url(), &format!("schema={name}")).await;
    let jobs = all(&store).await;
    let running = jobs.iter().find(|job| job.state == State::Running).unwrap();
    let token = Token { job: running.id, attempt: 1, fence: 7, worker: running.worker.unwrap() };
    let outcome = Outcome::Completed(Json::from_stored("3"));
    let report = Finish { token, outcome, retry_in: Duration::ZERO, log: Some("done".into()) };
    assert_eq!(store.finish(vec![report]).await.unwrap(), [Verdict::Accepted(State::Completed)]);
    assert_eq!(store.operate().logs(token.job).await.unwrap()[0].text, "done");
    let held = store.jobs(jobs.iter().map(|job| job.id).collect()).await.unwrap();
    assert!(held.into_iter().flatten().all(|job| !job.held), "its lane let the next one in");

    let again = NewJob { key: Some("key".to_owned()), ..new_job("old") };
    assert!(store.enqueue(vec![again]).await.unwrap()[0].existed);
    let ended: Vec<_> = jobs.iter().filter(|job| job.state.is_final()).map(|job| job.id).collect();
    let states = store.change(ended.clone(), Change::Retry).await.unwrap();
    assert_eq!(states, vec![Some(State::Available); 3]);
    let worker = WorkerId::from_bytes([8; 16]);
    store.join(Joining { worker, name: "new".to_owned(), lease: PATIENCE }).await.unwrap();
    let wants = vec![Want { queue: "q".to_owned(), limit: 10 }];
    let claimed = store.claim(Claim { worker, kinds: Kinds::from_iter(["old"]), wants }).await.unwrap();
    // Those that were retried, those that were available, and the one that was held.
    assert_eq!(claimed.len(), 6);
    assert_eq!(store.operate().oldest_due().await.unwrap(), []);
}

#[tokio::test]
async fn what_a_migration_would_do_is_told_and_can_be_done_by_hand() {
    let empty = schema();
    let given = schema();
    let admin = connect(&url()).await;
    admin.batch_execute(&format!("CREATE SCHEMA {given}")).await.unwrap();
    for (name, version) in [(empty, 0), (given, 0), (of_version_1().await, 1)] {
        let store = open(&url(), &format!("schema={name}&migrate=false")).await;
        let told = store.operate().schema().await.unwrap();
        assert_eq!((told.version, told.migrations.len()), (version, 2));
        assert_eq!(told.migrations[1].name, "operate");
        let error = enqueue(&store).await.unwrap_err();
        assert!(error.is_unusable() && error.to_string().contains("`client.migrate()`"), "{error}");
        for migration in &told.migrations[version as usize..] {
            admin.batch_execute(&format!("BEGIN; {} COMMIT", migration.sql)).await.unwrap();
            assert_eq!(store.operate().schema().await.unwrap().version, migration.number);
        }
        enqueue(&store).await.unwrap();
        enqueue(&open(&url(), &format!("schema={name}")).await).await.unwrap();
    }
}

#[tokio::test]
async fn an_earlier_version_is_left_alone_until_it_is_asked_for() {
    let name = of_version_1().await;
    let store = open(&url(), &format!("schema={name}&migrate=false")).await;
    let error = store.list(Filter::all(), Page::default()).await.unwrap_err();
    assert!(error.is_unusable(), "{error}");
    store.operate().migrate().await.unwrap();
    assert_eq!(all(&store).await.len(), 9);
}

#[tokio::test]
async fn a_user_who_may_only_read_and_write_rows_does_all_but_migrate() {
    let (name, clerk) = (schema(), format!("clerk_{}", schema()));
    let owner = open(&url(), &format!("schema={name}")).await;
    let sql = format!(
        "CREATE ROLE {clerk} LOGIN; GRANT USAGE ON SCHEMA {name} TO {clerk};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {clerk};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA {name} TO {clerk}"
    );
    connect(&url()).await.batch_execute(&sql).await.unwrap();
    let store = open(&url(), &format!("schema={name}&user={clerk}&migrate=false")).await;
    let worker = WorkerId::from_bytes([7; 16]);
    store.join(Joining { worker, name: "clerk".to_owned(), lease: PATIENCE }).await.unwrap();
    enqueue(&store).await.unwrap();
    let wants = || vec![Want { queue: "default".to_owned(), limit: 1 }];
    let kinds = || Kinds::from_iter(["test.connect"]);
    let claimed = store.claim(Claim { worker, kinds: kinds(), wants: wants() }).await.unwrap().remove(0);
    let operate = store.operate();
    assert_eq!(operate.workers().await.unwrap()[0].running, 1);
    let outcome = Outcome::Failed("no".to_owned());
    let report = Finish { token: claimed.token, outcome, retry_in: Duration::ZERO, log: Some("tried".into()) };
    store.finish(vec![report]).await.unwrap();
    assert_eq!(operate.logs(claimed.token.job).await.unwrap()[0].text, "tried");
    assert_eq!(operate.activity(claimed.run_at).await.unwrap().iter().map(|minute| minute.failed).sum::<u64>(), 1);
    store.rescue(1).await.unwrap();
    assert_eq!(operate.schema().await.unwrap(), owner.operate().schema().await.unwrap());
    operate.migrate().await.unwrap();
    let id = claimed.token.job;
    let rewrite = Change::Rewrite { args: Json::from_stored("[]"), fence: claimed.token.fence, from: claimed.args };
    store.change(vec![id], rewrite).await.unwrap();
    assert_ne!(store.change(vec![id], Change::Delete { only_ended: false }).await.unwrap(), [None]);
    assert!(store.list(Filter::all(), Page::default()).await.unwrap().jobs.is_empty());
}
