//! How the store connects, and what it does when the connection is not what it was.

mod errors;
mod faults;
mod limits;
mod listener;
mod migrate;
mod pooler;
mod stand_in;
mod tls;
mod upgrade;

use std::time::{Duration, Instant};

use sidetask_core::{Error, Event, Events, State, Store};
use sidetask_postgres::tokio_postgres::{Client, NoTls};
use sidetask_postgres::{PostgresOptions, PostgresStore};
use sidetask_postgres_local::Server;
use sidetask_testing::new_job;

/// Longer than anything takes that is going to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of its own, which a test may hurt.
async fn server() -> Server {
    blocking(|| Server::start().unwrap()).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn options(url: &str, more: &str) -> PostgresOptions {
    let joint = if url.contains('?') { '&' } else { '?' };
    PostgresOptions::from_url(&format!("{url}{joint}{more}")).unwrap()
}

async fn open(url: &str, more: &str) -> PostgresStore {
    options(url, more).open().await.unwrap()
}

/// The same server by another port, such as that of a proxy.
fn by_port(url: &str, port: u16) -> String {
    let (start, rest) = url.rsplit_once(':').unwrap();
    let (_, database) = rest.split_once('/').unwrap();
    format!("{start}:{port}/{database}")
}

/// A connection beside the store's.
async fn connect(url: &str) -> Client {
    let url = url.split('?').next().unwrap();
    let (client, connection) = sidetask_postgres::tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn enqueue(store: &PostgresStore) -> Result<(), Error> {
    store.enqueue(vec![new_job("test.connect")]).await.map(drop)
}

async fn available(store: &PostgresStore) -> u64 {
    store.stats().await.unwrap().total().count(State::Available)
}

/// Asks until it is so.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The next event that is this one.
async fn hear(events: &mut Events, expected: &Event) {
    let heard = async {
        while let Some(batch) = events.next().await {
            if batch.contains(expected) {
                return;
            }
        }
        panic!("the store was closed");
    };
    tokio::time::timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("nothing was heard of {expected:?}"));
}

fn to_queue() -> Event {
    Event::Available { queue: "default".into() }
}
