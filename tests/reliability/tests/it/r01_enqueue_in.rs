//! 1. A job enqueued in a transaction that is rolled back never runs; one of a committed transaction runs; neither is
//!    visible early.
//!
//! Many transactions at once, each with a job, are held open for a while and then end one way or the other, while a
//! worker takes whatever it sees. PostgreSQL by both of its clients, SQLite by rusqlite, which has one transaction at a
//! time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sidetask::{Call, Client, JobId, State};
use sidetask_testing::faults::Process;

use crate::kit::{micros, random, rounds, until};
use crate::world::{PATIENCE, Said, World, assert_all_completed};

mod plain;
mod sqlite;
mod sqlx;

/// How many transactions each of those who make them makes.
fn transactions() -> usize {
    rounds(25)
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It was asked to commit at this time.
    Committed(u128),
    RolledBack,
}

/// What is to become of one, and how long it is to be open before.
#[derive(Clone, Copy, Debug)]
struct Plan {
    commits: bool,
    open: Duration,
}

fn plans() -> Vec<Plan> {
    let mut random = random();
    let plan = |_| Plan { commits: random.bool(), open: Duration::from_millis(random.u64(0..30)) };
    (0..transactions()).map(plan).collect()
}

fn call() -> Call {
    Call::new("subject.work", [1])
}

/// A worker in another process that looks all the time.
fn worker(world: &World) -> Process {
    let worker = world.subject("work", &["--poll=10"]);
    worker.wait_for("ready").unwrap();
    worker
}

async fn assert_unseen(client: &Client, id: JobId) {
    assert!(client.job(id).await.unwrap().is_none(), "job {id} is visible before its transaction ends");
}

/// Waits until what was committed has run, and looks at the rest.
async fn assert_run_as_committed(client: &Client, worker: Process, ends: &HashMap<JobId, End>) {
    let committed = ends.values().filter(|end| matches!(end, End::Committed(_))).count();
    assert!(committed > 0 && committed < ends.len(), "all of them ended alike");
    until("what was committed completes", async || {
        client.stats().await.unwrap().total().count(State::Completed) == committed as u64
    })
    .await;
    // What was never there would run now, if ever.
    let last = client.enqueue(call()).await.unwrap();
    until("a last job completes", async || last.record().await.unwrap().state == State::Completed).await;

    let lines = worker.kill().unwrap().lines;
    let mut said = Said::default();
    said.hear(&lines);
    said.acknowledged
        .extend(ends.iter().filter(|(_, end)| !matches!(end, End::RolledBack)).map(|(id, _)| id.to_string()));
    assert_all_completed(client, &said).await;
    for (id, end) in ends {
        let began = lines.iter().find_map(|line| line.strip_prefix(&format!("run {id} 1 1 ")));
        match (end, began) {
            (End::Committed(at), Some(began)) => {
                assert!(
                    began.parse::<u128>().unwrap() >= *at,
                    "job {id} ran before its transaction was to be committed"
                );
            }
            (End::RolledBack, None) => assert!(client.job(*id).await.unwrap().is_none(), "job {id} was rolled back"),
            (end, began) => panic!("job {id} was {end:?} and began {began:?}"),
        }
    }
    assert!(said.runs.values().all(|runs| *runs == 1), "a job ran twice");
}
