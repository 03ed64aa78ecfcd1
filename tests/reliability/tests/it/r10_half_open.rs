//! 10. Half-open TCP: time limits fire, nothing hangs.
//!
//! The other end is silent, as where a machine has vanished or stands still. Whatever is asked ends by the limits of the
//! store; what another worker can do another worker does; and when the other end is heard again, all goes on. There is no
//! connection to a file.

use std::time::{Duration, Instant};

use sidetask::{Call, Client, Error, Filter, Page, State};
use sidetask_postgres::PostgresStore;
use sidetask_postgres_local::Server;
use tokio_postgres::NoTls;

use crate::kit::{Way, rounds, until};
use crate::world::{Said, World, assert_all_completed};

/// Of the stores whose other end falls silent.
const LIMITS: &str = "acquire_timeout=500ms&statement_timeout=500ms";

/// A call may wait for a connection and for an answer a few times, where it is safe to ask again.
const BOUND: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_client_fail_in_time_and_work_afterwards() {
    let world = World::postgres();
    let direct = world.client().await;
    let way = Way::to(&format!("{}&{LIMITS}", world.url)).await;
    let client = World::at(&way.url).client().await;
    let worker = world.subject("work", &[]);
    worker.wait_for("ready").unwrap();
    for round in 0..rounds(2) {
        let waited_for = client.enqueue(Call::new("subject.work", [2_000])).await.unwrap();
        let waiting = tokio::spawn(async move {
            loop {
                match waited_for.wait().await {
                    Ok(record) => break record,
                    Err(error) => assert!(error.is_storage(), "{error}"),
                }
            }
        });
        // Once nothing passes at all, and once what is asked is done in silence.
        if round % 2 == 0 {
            way.proxy.freeze()
        } else {
            way.proxy.freeze_replies()
        }
        every_call_fails_in_time(&client).await;
        let begun = Instant::now();
        assert!(sidetask::connect(&way.url).await.is_err(), "a new client cannot connect either");
        assert!(begun.elapsed() < BOUND, "to connect took {:?}", begun.elapsed());
        way.proxy.heal();
        until("the client works again", async || client.stats().await.is_ok()).await;
        let record = waiting.await.unwrap();
        assert_eq!(record.state, State::Completed, "who waited hears of the result");
        client.enqueue(Call::new("subject.work", [0])).await.unwrap();
    }
    until("all jobs end", async || is_quiet(&direct).await).await;
    way.proxy.freeze();
    let begun = Instant::now();
    // Whether it can say goodbye or not.
    let _ = client.close().await;
    assert!(begun.elapsed() < BOUND, "to close took {:?}", begun.elapsed());
}

async fn every_call_fails_in_time(client: &Client) {
    let id = client.new_job_id();
    let call = || Call::new("subject.work", [0]);
    tokio::join!(
        fails("enqueue", client.enqueue(call())),
        fails("enqueue with a key", client.enqueue(call().key("silence"))),
        fails("enqueue many", client.enqueue_many([call(), call()])),
        fails("read", client.job(id)),
        fails("list", client.list(Filter::default(), Page::default())),
        fails("count", client.stats()),
        fails("cancel", client.cancel(id)),
        fails("retry", client.retry(id)),
        fails("pause", client.pause("another")),
        fails("purge", client.purge(State::Completed, Duration::from_secs(3600))),
    );
}

async fn fails<T>(what: &str, call: impl Future<Output = Result<T, Error>>) {
    let begun = Instant::now();
    let done = tokio::time::timeout(BOUND, call).await;
    let Ok(done) = done else { panic!("to {what} takes longer than {BOUND:?}") };
    let Err(error) = done else { panic!("{what} has worked") };
    assert!(error.is_storage(), "{what}: {error} after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_jobs_of_a_worker_that_is_cut_off_run_elsewhere_and_it_goes_on_afterwards() {
    let world = World::postgres();
    let client = world.client().await;
    // It begins first, and so it looks for the lost; it has no places for these jobs yet.
    let keeper = world.subject("work", &["--queue=other"]);
    keeper.wait_for("ready").unwrap();
    let way = Way::to(&format!("{}&{LIMITS}", world.url)).await;
    let cut_off = world.subject_at(&way.url, "work", &[]);
    cut_off.wait_for("ready").unwrap();
    let job = client.enqueue(Call::new("subject.work", [1_500])).await.unwrap();
    cut_off.wait_for(&format!("run {} 1 1 ", job.id())).unwrap();
    way.proxy.freeze();
    let other = world.subject("work", &[]);
    other.wait_for(&format!("run {} 2 2 ", job.id())).unwrap();
    let kept = job.wait().await.unwrap();
    assert_eq!(kept.state, State::Completed);
    other.kill().unwrap();
    cut_off.wait_for(&format!("end {} 1 1 ", job.id())).unwrap();

    way.proxy.heal();
    let next = client.enqueue(Call::new("subject.work", [0])).await.unwrap();
    cut_off.wait_for(&format!("end {} ", next.id())).unwrap();
    assert_eq!(next.wait().await.unwrap().state, State::Completed);
    assert_eq!(format!("{:?}", job.record().await.unwrap()), format!("{kept:?}"), "its late result counted");

    way.proxy.freeze();
    let begun = Instant::now();
    cut_off.terminate().unwrap();
    let said = cut_off.finish().unwrap();
    assert!(begun.elapsed() < 2 * BOUND, "to shut down took {:?}", begun.elapsed());
    assert!(said.lines.iter().any(|line| line.starts_with("report")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_of_the_users_over_a_silent_connection_fails_in_time() {
    let world = World::postgres();
    let direct = world.client().await;
    let store = PostgresStore::open(&format!("{}&{LIMITS}", world.url)).await.unwrap();
    let way = Way::to(&sidetask_postgres_local::url()).await;
    let (mut connection, carrier) = tokio_postgres::connect(&way.url, NoTls).await.unwrap();
    tokio::spawn(carrier);
    let mut tx = connection.transaction().await.unwrap();
    store.enqueue_in(&mut tx, Call::new("subject.work", [0])).await.unwrap();
    way.proxy.freeze();
    let enqueued = Box::pin(store.enqueue_in(&mut tx, Call::new("subject.work", [0])));
    fails("enqueue in a transaction", enqueued).await;
    drop(tx);
    drop(connection);
    way.proxy.cut();
    way.proxy.heal();
    direct.enqueue(Call::new("subject.work", [0])).await.unwrap();
    assert_eq!(direct.stats().await.unwrap().total().total(), 1, "what was not committed is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_is_waited_for_in_vain_and_then_goes_on() {
    let server = Server::start().unwrap();
    let world = World::at(format!("{}?{LIMITS}", server.url()));
    let client = world.client().await;
    let worker = world.subject("work", &["--lease=60000"]);
    worker.wait_for("ready").unwrap();
    let producer = world.subject("produce", &["5"]);
    for _ in 0..rounds(2) {
        producer.wait_for("ack").unwrap();
        worker.wait_for("end").unwrap();
        server.pause().unwrap();
        every_call_fails_in_time(&client).await;
        producer.wait_for("refused").unwrap();
        server.resume().unwrap();
        until("the client works again", async || client.stats().await.is_ok()).await;
    }
    producer.wait_for("ack").unwrap();
    producer.terminate().unwrap();
    let produced = producer.finish().unwrap();
    until("all jobs end", async || is_quiet(&client).await).await;
    let mut said = Said::default();
    said.hear(&produced.lines);
    said.hear(&worker.lines());
    assert_all_completed(&client, &said).await;
    let twice: Vec<_> = said.runs.iter().filter(|(_, runs)| **runs > 1).collect();
    assert!(twice.is_empty(), "jobs ran again: {twice:?}");
}

async fn is_quiet(client: &Client) -> bool {
    let Ok(stats) = client.stats().await else { return false };
    stats.total().iter().all(|(state, count)| state.is_final() || count == 0)
}
