//! 16. Serialization failures, deadlocks and a full disk on claim, complete and schedule.
//!
//! A trigger on the store's tables has every seventh statement fail as the server would, then every one: nothing that was
//! acknowledged is lost, and the worker goes on. Then the real things: rows that another transaction locks the other way round, and a
//! table on a disk that is full. In SQLite, whose transactions follow one another, a trigger fails as a fault of the
//! database; a disk that is full is in `tests/crash`, a lock that others hold in test 19.

use std::sync::Arc;
use std::time::Duration;

use sidetask::core::lifecycle::Outcome;
use sidetask::core::{Change, Claim, Finish, IdSource, Joining, Kinds, Verdict, Want};
use sidetask::{Call, Client, Error, Json, Schedule, State};
use sidetask_postgres_local::Server;

use crate::disk::SmallDisk;
use crate::kit::{rounds, until};
use crate::tables::{Tables, connect};
use crate::world::{PATIENCE, Said, World, assert_all_completed, on};

mod serialization {
    use super::*;

    on!(postgres: serialization_failures_lose_nothing);
}

mod deadlock {
    use super::*;

    on!(postgres: reported_deadlocks_lose_nothing);
}

mod full {
    use super::*;

    on!(postgres: statements_that_find_the_disk_full_lose_nothing);
}

mod any {
    use super::*;

    on!(sqlite: statements_that_fail_lose_nothing);
}

mod locked_the_other_way_round {
    use super::*;

    on!(postgres: a_change_that_meets_a_deadlock_is_done_in_the_end);
}

mod changed_while_it_is_reported {
    use super::*;

    on!(postgres: a_report_that_waits_for_a_change_counts);
}

async fn serialization_failures_lose_nothing(world: World) {
    assert_nothing_is_lost(&world, "40001", Error::is_busy).await;
}

async fn reported_deadlocks_lose_nothing(world: World) {
    assert_nothing_is_lost(&world, "40P01", Error::is_busy).await;
}

async fn statements_that_find_the_disk_full_lose_nothing(world: World) {
    assert_nothing_is_lost(&world, "53100", Error::is_full).await;
}

async fn statements_that_fail_lose_nothing(world: World) {
    assert_nothing_is_lost(&world, "", Error::is_storage).await;
}

async fn assert_nothing_is_lost(world: &World, code: &str, is_right: impl Fn(&Error) -> bool) {
    let client = world.client().await;
    let tables = Tables::of(world).await;
    let worker = world.subject("work", &[]);
    worker.wait_for("ready").unwrap();
    let keeper = keeper(&client).await;

    // Now and then: whoever asks may hear of it, or the store asks again by itself.
    break_every(&tables, 7, code).await;
    let (mut said, wanted) = (Said::default(), rounds(60));
    while said.acknowledged.len() < wanted {
        match client.enqueue(Call::new("subject.work", [1])).await {
            Ok(job) => _ = said.acknowledged.insert(job.id().to_string()),
            Err(error) => assert!(is_right(&error), "{error:?}"),
        }
    }
    let before = last_tick(&tables).await;
    until("a tick is stored", async || last_tick(&tables).await > before).await;
    until("some jobs end", async || client.stats().await.unwrap().total().count(State::Completed) > 10).await;
    mend(&tables).await;

    // Every time: then there is nothing but to say so.
    break_every(&tables, 1, code).await;
    let error = client.enqueue(Call::new("subject.work", [1])).await.unwrap_err();
    assert!(is_right(&error), "{error:?}");
    mend(&tables).await;

    until("all jobs end", async || is_quiet(&client).await).await;
    keeper.shutdown(Duration::from_secs(5)).await;
    worker.terminate().unwrap();
    let ended = worker.finish().unwrap();
    assert!(ended.status.success(), "{}", ended.errors);
    said.hear(&ended.lines);
    assert_all_completed(&client, &said).await;
    tables.assert_sound();
}

/// A worker that keeps a schedule, of a queue that it alone works on.
async fn keeper(client: &Client) -> sidetask::Worker {
    let worker = client.worker().queue("ticks", 1).register("tick", |_: ()| async {});
    let worker = worker
        .schedule(Schedule::every("every second", Duration::from_secs(1)), |_| Call::new("tick", ()).queue("ticks"));
    worker.start().await.unwrap()
}

async fn last_tick(tables: &Tables) -> i64 {
    let column = if matches!(tables, Tables::Sqlite(_)) { "last_tick" } else { "tick" };
    tables.number(&format!("SELECT coalesce(max({column}), 0) FROM {{s}}schedules")).await
}

/// The tables that are written when a job is stored, claimed and ended, and when a tick is taken.
const TABLES: [&str; 3] = ["jobs", "history", "schedules"];

/// What SQLite has of them. There a trigger sees rows.
const EVENTS: [&str; 3] = ["INSERT ON {s}jobs", "UPDATE OF state ON {s}jobs", "INSERT ON {s}schedules"];

/// Has one of so many statements on the tables fail with this code. A sequence counts what is undone, too; in SQLite,
/// which has none, it is one of so many rows by chance.
///
/// Each table by itself, so that no transaction of the store meets this one the other way round.
async fn break_every(tables: &Tables, many: u32, code: &str) {
    if matches!(tables, Tables::Sqlite(_)) {
        for (n, event) in EVENTS.iter().enumerate() {
            let when = format!("CREATE TRIGGER faulty_{n} BEFORE {event} WHEN abs(random() % {many}) = 0");
            tables.run(&format!("{when} BEGIN SELECT RAISE(ABORT, 'it is made to fail'); END;")).await;
        }
        return;
    }
    let function = format!(
        "CREATE SEQUENCE IF NOT EXISTS {{s}}faults;
         CREATE OR REPLACE FUNCTION {{s}}fail() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('{{s}}faults') % {many} = 0 THEN
                 RAISE EXCEPTION 'it is made to fail' USING ERRCODE = '{code}';
             END IF;
             RETURN NULL;
         END $$;"
    );
    tables.run(&function).await;
    for table in TABLES {
        let trigger = format!(
            "CREATE TRIGGER faulty BEFORE INSERT OR UPDATE OR DELETE ON {{s}}{table}
             FOR EACH STATEMENT EXECUTE FUNCTION {{s}}fail();"
        );
        tables.run(&trigger).await;
    }
}

async fn mend(tables: &Tables) {
    for (n, table) in TABLES.iter().enumerate() {
        let trigger = match tables {
            Tables::Sqlite(_) => format!("DROP TRIGGER faulty_{n}"),
            Tables::Postgres { .. } => format!("DROP TRIGGER faulty ON {{s}}{table}"),
        };
        tables.run(&trigger).await;
    }
}

/// The store locks jobs in one order. Somebody else does so in the other: one of the two is ended by the server. Where it
/// is the store, it asks again.
async fn a_change_that_meets_a_deadlock_is_done_in_the_end(world: World) {
    let client = world.client().await;
    let store = Arc::clone(client.store().unwrap());
    let jobs = client.enqueue_many((0..2).map(|_| Call::new("subject.work", [1]))).await.unwrap();
    let mut ids = [jobs[0].id(), jobs[1].id()];
    ids.sort();
    let (server, schema) = world.url.split_once("?schema=").unwrap();
    let other = connect(server).await;
    let lock = async |id: sidetask::JobId| {
        other.batch_execute(&format!("SELECT FROM {schema}.jobs WHERE id = '{id}' FOR UPDATE")).await
    };
    // Who looks first is ended: the store, as a rule.
    other.batch_execute("SET deadlock_timeout = '5s'; BEGIN").await.unwrap();
    lock(ids[1]).await.unwrap();
    let changing = tokio::spawn(async move { store.change(ids.to_vec(), Change::Cancel).await });
    until_locked_out(server, schema).await;
    // Whether this succeeds says who was ended, and the store does its work either way.
    let _ = lock(ids[0]).await;
    other.batch_execute("COMMIT").await.unwrap();
    let states = tokio::time::timeout(PATIENCE, changing).await.unwrap().unwrap().unwrap();
    assert_eq!(states, [Some(State::Cancelled); 2]);
}

/// A job is changed by a transaction that is not over while its attempt is reported: the report waits, and then counts.
async fn a_report_that_waits_for_a_change_counts(world: World) {
    let client = world.client().await;
    let store = Arc::clone(client.store().unwrap());
    let job = client.enqueue(Call::new("subject.work", [1])).await.unwrap();
    let worker = IdSource::new().worker(store.clock().now());
    store.join(Joining { worker, name: "the test".to_owned(), lease: PATIENCE }).await.unwrap();
    let wants = vec![Want { queue: "default".to_owned(), limit: 1 }];
    let claim = Claim { worker, kinds: Kinds::from_iter(["subject.work"]), wants };
    let token = store.claim(claim).await.unwrap()[0].token;

    let (server, schema) = world.url.split_once("?schema=").unwrap();
    let other = connect(server).await;
    other.batch_execute(&format!("BEGIN; UPDATE {schema}.jobs SET cancel_requested = true")).await.unwrap();
    let finish =
        Finish { token, outcome: Outcome::Completed(Json::from_stored("1")), retry_in: Duration::ZERO, log: None };
    let finishing = tokio::spawn(async move { store.finish(vec![finish]).await });
    until_locked_out(server, schema).await;
    other.batch_execute("COMMIT").await.unwrap();
    let verdicts = tokio::time::timeout(PATIENCE, finishing).await.unwrap().unwrap().unwrap();
    assert!(matches!(verdicts[..], [Verdict::Accepted(state)] if state.is_final()), "{verdicts:?}");
    assert!(job.record().await.unwrap().state.is_final());
}

/// Waits until somebody waits for a lock in the schema.
async fn until_locked_out(server: &str, schema: &str) {
    let watch = connect(server).await;
    let waits =
        format!("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{schema}%'");
    until("the store waits", async || watch.query_one(&waits, &[]).await.unwrap().get::<_, i64>(0) > 0).await;
}

/// On a server of its own, with the table of jobs on a disk of some megabytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_an_error_to_the_caller_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("no file system may be mounted here: the triggers have to do");
        return;
    };
    let server = Server::start().unwrap();
    disk.give_to_the_owner_of(server.directory());
    let others = disk.path().join("what others have on it");
    std::fs::write(&others, vec![0; 3 * 1024 * 1024]).unwrap();
    let world = World::at(format!("{}?schema=test", server.url()));
    let client = world.client().await;
    let tables = Tables::of(&world).await;
    tables.run(&format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display())).await;
    tables.run("ALTER TABLE {s}jobs SET TABLESPACE small").await;

    let mut said = Said::default();
    // It does not compress.
    let random = || (0..100_000).map(|_| fastrand::alphanumeric()).collect::<String>();
    let error = loop {
        match client.enqueue(Call::new("subject.large", random())).await {
            Ok(job) => _ = said.acknowledged.insert(job.id().to_string()),
            Err(error) => break error,
        }
    };
    assert!(error.is_full(), "{error:?}");
    assert!(said.acknowledged.len() > 3, "hardly anything fitted");

    let worker = client.worker().register("subject.large", |_: String| async {}).start().await.unwrap();
    std::fs::remove_file(&others).unwrap();
    for _ in 0..3 {
        let job = client.enqueue(Call::new("subject.large", random())).await.unwrap();
        said.acknowledged.insert(job.id().to_string());
        job.wait().await.unwrap();
    }
    until("all jobs end", async || is_quiet(&client).await).await;
    worker.shutdown(Duration::from_secs(5)).await;
    assert_all_completed(&client, &said).await;
}

async fn is_quiet(client: &Client) -> bool {
    client.stats().await.unwrap().total().iter().all(|(state, count)| state.is_final() || count == 0)
}
