//! 19. SQLite: killed over and over, a busy lock held by another process, a full disk, and `integrity_check` after each.
//!
//! In `tests/crash` are `kill_9_at_random_moments_loses_nothing_and_repeats_only_what_was_in_flight`, which checks the file
//! after each kill, `two_processes_on_one_file_share_the_work_and_repeat_none_of_it`, and both tests of a full disk. Here
//! is what they leave out: a lock that is held, also by one that dies with it, and the log that the dead leave behind.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sidetask::{Call, Client, State};
use sidetask_sqlite::rusqlite::Connection;

use crate::kit::{random, rounds, until};
use crate::tables::Tables;
use crate::world::{Said, World, assert_all_completed};

/// Longer than the store waits for a lock.
const LONG: Duration = Duration::from_secs(12);

/// What others do with a file for as long as they like, a backup or a person at a prompt, is an error to callers, and
/// held against no job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_another_process_holds_is_an_error_to_callers_and_loses_nothing() {
    let world = World::sqlite();
    let client = world.client().await;
    let worker = world.subject("work", &["--lease=60000"]);
    worker.wait_for("ready").unwrap();
    let mut said = Said::default();
    for _ in 0..20 {
        said.acknowledged.insert(client.enqueue(Call::new("subject.work", [500])).await.unwrap().id().to_string());
    }
    worker.wait_for("run").unwrap();

    let holder = Connection::open(path(&world)).unwrap();
    holder.busy_timeout(LONG).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let held = tokio::time::Instant::now();
    let error = client.enqueue(Call::new("subject.work", [0])).await.unwrap_err();
    assert!(error.is_busy(), "{error:?}");
    // What ran has ended by now, and could not say so.
    tokio::time::sleep_until(held + LONG).await;
    holder.execute_batch("ROLLBACK").unwrap();

    said.acknowledged.insert(client.enqueue(Call::new("subject.work", [0])).await.unwrap().id().to_string());
    until("all jobs end", async || is_quiet(&client).await).await;
    worker.terminate().unwrap();
    let ended = worker.finish().unwrap();
    assert!(ended.status.success(), "{}", ended.errors);
    said.hear(&ended.lines);
    assert_all_completed(&client, &said).await;
    assert!(said.acknowledged.iter().all(|id| said.runs[id] == 1), "a job ran twice though its worker lived");
    Tables::of(&world).await.assert_sound();
}

/// What a process holds when it dies is free at once, whatever it was in the middle of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_writers_leave_behind_when_they_are_killed_is_whole_also_in_a_copy() {
    let world = World::sqlite();
    let mut random = random();
    let mut said = Said::default();
    for _ in 0..rounds(8) {
        let subjects = [world.subject("both", &["3"]), world.subject("both", &["3"])];
        for subject in &subjects {
            subject.wait_for("ack").unwrap();
        }
        // The moment is the point here: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(random.u64(1..150))).await;
        for subject in subjects {
            said.hear(&subject.kill().unwrap().lines);
        }
        assert_is_whole_in_a_copy(&world, &said).await;
    }
    said.hear(&world.subject("drain", &[]).finish().unwrap().lines);
    assert_all_completed(&world.client().await, &said).await;
    Tables::of(&world).await.assert_sound();
}

/// The file and its log, as a machine that does not come back would leave them on a disk that does.
async fn assert_is_whole_in_a_copy(world: &World, said: &Said) {
    let copy = World::sqlite();
    let names = |path: &Path| ["", "-wal"].map(|end| format!("{}{end}", path.display()));
    for (from, to) in names(path(world)).iter().zip(names(path(&copy))) {
        fs::copy(from, to).unwrap();
    }
    let tables = Tables::of(&copy).await;
    tables.assert_sound();
    let Tables::Sqlite(conn) = &tables else { unreachable!("it is a file") };
    let mut stored = conn.prepare("SELECT 1 FROM sidetask_jobs WHERE id = ?1").unwrap();
    for id in &said.acknowledged {
        let id: sidetask::JobId = id.parse().unwrap();
        assert!(stored.exists([id.as_bytes()]).unwrap(), "job {id} was acknowledged and is lost");
    }
    let wrong = "SELECT count(*) FROM sidetask_queues
                 WHERE completed != (SELECT count(*) FROM sidetask_jobs WHERE queue = name AND state = 4)
                     OR running != (SELECT count(*) FROM sidetask_jobs WHERE queue = name AND state = 2)
                     OR available != (SELECT count(*) FROM sidetask_jobs WHERE queue = name AND state = 1)";
    assert_eq!(tables.number(wrong).await, 0, "the statistics differ from the jobs");
}

async fn is_quiet(client: &Client) -> bool {
    let total = client.stats().await.unwrap().total();
    total.iter().all(|(state, count)| state == State::Completed || count == 0)
}

fn path(world: &World) -> &Path {
    Path::new(world.url.strip_prefix("sqlite:").unwrap())
}
