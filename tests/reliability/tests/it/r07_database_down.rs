//! 7. The database is down for a second, or a minute: nothing is lost, the worker survives, buffered acknowledgements
//!    flush.
//!
//! Jobs whose functions return meanwhile do not run again: their results wait in the worker. That holds while its lease
//! does, which goes on ending by the database's clock, and beyond it as long as no other worker is there to take the jobs:
//! one that comes back renews its own lease before it looks for lost ones. Producers are told in bounded time that they
//! cannot enqueue.
//!
//! The long form is down for a minute. A file is never down, so this is not of SQLite; a file that others lock is.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use sidetask::{Call, Client, Job, State};
use sidetask_postgres_local::Server;
use sidetask_testing::faults::Process;

use crate::kit::{Way, micros, rounds, until};
use crate::world::{Said, World, assert_all_completed};

/// Longer than the database is down.
const LONG_LEASE: &str = "--lease=120000";

/// What an enqueue may take that fails: a connection and a statement have their own limits, in the URL.
const BOUND: Duration = Duration::from_secs(6);

fn outage() -> Duration {
    Duration::from_secs(if rounds(1) > 1 { 60 } else { 1 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_and_started() {
    let server = Server::start().unwrap();
    let scene = Scene::begin(&server.url(), &server.url(), LONG_LEASE).await;
    scene.survive(|| server.stop().unwrap(), || server.start_again().unwrap()).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_recovers() {
    let server = Server::start().unwrap();
    let scene = Scene::begin(&server.url(), &server.url(), LONG_LEASE).await;
    scene.survive(|| server.kill().unwrap(), || server.start_again().unwrap()).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_be_reached() {
    let world = World::postgres();
    let way = Way::to(&world.url).await;
    let scene = Scene::begin(&way.url, &world.url, LONG_LEASE).await;
    let cut = || {
        way.proxy.refuse();
        way.proxy.cut();
    };
    scene.survive(cut, || way.proxy.heal()).await;
    scene.end().await;
}

/// The only worker, whose lease ended while nothing could be renewed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_be_reached_for_longer_than_a_lease() {
    let world = World::postgres();
    let way = Way::to(&world.url).await;
    let scene = Scene::begin(&way.url, &world.url, "--lease=300").await;
    let cut = || {
        way.proxy.refuse();
        way.proxy.cut();
    };
    scene.survive(cut, || way.proxy.heal()).await;
    scene.end().await;
}

/// A worker, a producer, and another one in this process, whose way to the database is to break.
struct Scene {
    client: Client,
    worker: Process,
    producer: Process,
    /// By a way that holds, where there is one.
    direct: String,
}

impl Scene {
    async fn begin(url: &str, direct: &str, lease: &str) -> Self {
        let joint = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{joint}acquire_timeout=2s&statement_timeout=2s");
        let world = World::at(&url);
        let client = world.client().await;
        let worker = world.subject("work", &["--slots=50", lease]);
        worker.wait_for("ready").unwrap();
        let producer = world.subject("produce", &["5"]);
        producer.wait_for("ack").unwrap();
        worker.wait_for("run").unwrap();
        Self { client, worker, producer, direct: direct.to_owned() }
    }

    /// Breaks and mends the way while functions run, which return in between.
    async fn survive(&self, breaks: impl FnOnce(), mends: impl FnOnce()) {
        let ms = u64::try_from(outage().as_millis()).unwrap() / 2;
        let calls = (0..8).map(|_| Call::new("subject.work", [ms]).priority(-1).returns());
        let jobs: Vec<Job<u32>> = self.client.enqueue_many(calls).await.unwrap();
        let ids: HashSet<String> = jobs.iter().map(|job| job.id().to_string()).collect();
        until("the functions run", async || self.of("run", &ids).len() == ids.len()).await;
        breaks();
        let broken = Instant::now();
        let since = micros();
        while broken.elapsed() < outage() || self.of("end", &ids).len() < ids.len() {
            let asked = Instant::now();
            let refused = self.client.enqueue(Call::new("subject.work", [0])).await.map(|job| job.id());
            assert!(asked.elapsed() < BOUND, "it took {:?} to say {refused:?}", asked.elapsed());
            let error = refused.expect_err("nothing can be stored");
            assert!(error.is_storage(), "{error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let returned = self.of("end", &ids);
        assert!(returned.iter().all(|at| *at > since), "they were to return while the database was down");
        mends();
        for job in &jobs {
            until("what returned meanwhile is completed", async || {
                job.record().await.is_ok_and(|record| record.state == State::Completed)
            })
            .await;
            let record = job.record().await.unwrap();
            assert_eq!((record.attempt, record.errors.len()), (1, 0), "{record:?}");
            assert_eq!(record.output.unwrap().as_str(), self.worker.id().to_string());
        }
    }

    /// Work goes on, and nothing was lost or done twice.
    async fn end(self) {
        let Self { client, worker, producer, direct } = self;
        let next = async || client.enqueue(Call::new("subject.work", [0]).priority(-1)).await.unwrap();
        let next = next().await;
        until("a new job completes", async || next.record().await.unwrap().state == State::Completed).await;
        producer.wait_for("ack").unwrap();
        producer.terminate().unwrap();
        let produced = producer.finish().unwrap().lines;
        assert!(produced.iter().any(|line| line.starts_with("refused")), "the producer noticed nothing");
        let client = World::at(direct).client().await;
        until("all jobs end", async || {
            let total = client.stats().await.unwrap().total();
            total.iter().all(|(state, count)| state.is_final() || count == 0)
        })
        .await;
        let mut said = Said::default();
        said.hear(&produced);
        said.hear(&worker.lines());
        assert_all_completed(&client, &said).await;
        let twice: Vec<_> = said.runs.iter().filter(|(_, runs)| **runs > 1).collect();
        assert!(twice.is_empty(), "jobs ran again: {twice:?}");
        worker.terminate().unwrap();
        let worker = worker.finish().unwrap();
        assert!(worker.status.success(), "{worker:?}");
    }

    /// When the worker said this of which of these jobs.
    fn of(&self, what: &str, ids: &HashSet<String>) -> Vec<u128> {
        let lines = self.worker.lines();
        let words = lines.iter().map(|line| line.split(' ').collect::<Vec<_>>());
        let said = words.filter_map(|words| match words[..] {
            [word, id, _, _, at] if word == what && ids.contains(id) => at.parse().ok(),
            _ => None,
        });
        said.collect()
    }
}
