//! Runs other job queues as their guides say, to be measured as ours is: a worker in one process, a producer in another.
//!
//! `sidetask-bench-peers apalis-worker|apalis-producer URL`. Both say `ready`. Then the producer enqueues a job for each line
//! that it reads, and says when it was about to; the worker says when a function began, both in nanoseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PostgresStorage};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

/// As large as our jobs' arguments: 250 bytes of JSON.
const PAYLOAD_BYTES: usize = 248;

#[tokio::main]
async fn main() -> Result<(), BoxDynError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["apalis-worker", url] => work(url).await,
        ["apalis-producer", url] => produce(url).await,
        _ => Err("say `apalis-worker` or `apalis-producer`, and a URL".into()),
    }
}

async fn storage(url: &str) -> Result<PostgresStorage<String>, BoxDynError> {
    let pool = PgPool::connect(url).await?;
    PostgresStorage::setup(&pool).await?;
    Ok(PostgresStorage::new(&pool).with_config(Config::default().queue("bench")))
}

/// With notifications, the quicker of its two ways.
async fn work(url: &str) -> Result<(), BoxDynError> {
    let backend = storage(url).await?.with_pubsub();
    let worker = WorkerBuilder::new("bench").backend(backend).build(stamp);
    let running = tokio::spawn(worker.run());
    // It does not say when it listens.
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("ready");
    orders().next_line().await?;
    running.abort();
    Ok(())
}

async fn stamp(_payload: String) -> Result<(), BoxDynError> {
    println!("{}", now());
    Ok(())
}

async fn produce(url: &str) -> Result<(), BoxDynError> {
    let mut storage = storage(url).await?;
    let mut orders = orders();
    println!("ready");
    while orders.next_line().await?.is_some() {
        let payload = "x".repeat(PAYLOAD_BYTES);
        let begun = now();
        storage.push(payload).await?;
        println!("{begun}");
    }
    Ok(())
}

fn orders() -> Lines<BufReader<Stdin>> {
    BufReader::new(tokio::io::stdin()).lines()
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}
