//! 8. Connections terminated by the server: the listener first, then all.
//!
//! As an administrator or a failing proxy does it, in a loop, under load. Nothing is lost and, since nobody's lease ends,
//! nothing is done twice. There is no server for SQLite.

use std::time::Duration;

use sidetask::{Call, State};
use sidetask_postgres_local::Server;
use tokio_postgres::{Client, NoTls};

use crate::kit::{random, rounds, until};
use crate::world::{Said, World, assert_all_completed};

/// Only notifications could tell of a job in time.
const NO_POLL: &str = "--poll=600000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_comes_back_and_hears_what_it_missed() {
    let server = Server::start().unwrap();
    let world = World::at(server.url());
    let client = world.client().await;
    let administrator = administrator(&server).await;
    let named = World::at(format!("{}?application_name=subject", server.url()));
    let worker = named.subject("work", &[NO_POLL, "--lease=60000"]);
    worker.wait_for("ready").unwrap();
    for _ in 0..rounds(5) {
        until("somebody listens", async || listeners(&administrator).await == 1).await;
        assert!(terminate(&administrator, LISTENERS).await == 1);
        // Once while nobody listens, perhaps, and once when somebody does again.
        for again in [false, true] {
            if again {
                until("somebody listens again", async || listeners(&administrator).await == 1).await;
            }
            let job = client.enqueue(Call::new("subject.work", [0])).await.unwrap();
            let ended = tokio::time::timeout(Duration::from_secs(20), job.wait()).await.expect("the job is heard of");
            assert_eq!(ended.unwrap().state, State::Completed);
        }
    }
    assert_eq!(worker.lines().iter().filter(|line| line.starts_with("ready")).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_connections_are_terminated_all_the_time_loses_nothing() {
    let mut random = random();
    let server = Server::start().unwrap();
    let world = World::at(server.url());
    let client = world.client().await;
    let administrator = administrator(&server).await;
    let worker = world.subject("work", &["--lease=60000", "--poll=200"]);
    worker.wait_for("ready").unwrap();
    let producer = world.subject("produce", &["5"]);
    producer.wait_for("ack").unwrap();
    let mut terminated = 0;
    for _ in 0..rounds(30) {
        // The moment is the point: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(random.u64(0..100))).await;
        terminated += terminate(&administrator, "").await;
    }
    assert!(terminated > 30, "hardly any connection was terminated");
    producer.terminate().unwrap();
    let produced = producer.finish().unwrap();
    let last = loop {
        match client.enqueue(Call::new("subject.work", [0])).await {
            Ok(job) => break job,
            Err(error) => assert!(error.is_storage(), "{error}"),
        }
    };
    until("all jobs end", async || {
        let total = client.stats().await.unwrap().total();
        total.iter().all(|(state, count)| state.is_final() || count == 0)
    })
    .await;
    let mut said = Said::default();
    said.hear(&produced.lines);
    said.hear(&worker.lines());
    said.acknowledged.insert(last.id().to_string());
    assert_all_completed(&client, &said).await;
    let twice: Vec<_> = said.runs.iter().filter(|(_, runs)| **runs > 1).collect();
    assert!(twice.is_empty(), "jobs ran again: {twice:?}");
    worker.terminate().unwrap();
    let ended = worker.finish().unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

/// A session that is left alone.
async fn administrator(server: &Server) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The worker's. It says nothing else for half a minute.
const LISTENERS: &str = "AND application_name = 'subject' AND query LIKE 'LISTEN%'";

async fn listeners(administrator: &Client) -> i64 {
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {OTHERS} {LISTENERS}");
    administrator.query_one(&count, &[]).await.unwrap().get(0)
}

const OTHERS: &str = "backend_type = 'client backend' AND pid <> pg_backend_pid()";

/// Terminates sessions, and answers how many there were.
async fn terminate(administrator: &Client, which: &str) -> usize {
    let terminate = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS} {which}");
    administrator.query(&terminate, &[]).await.unwrap().len()
}
