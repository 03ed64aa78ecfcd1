//! One measurement.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sidetask::core::{Event, Events};
use sidetask::{Client, Error, Store, task};
use sidetask_bench_report::per_second;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing_subscriber::layer::SubscriberExt as _;

const IN_FLIGHT: usize = 64;
const JOBS: usize = 32_000;

#[task]
async fn logs_a_line(payload: String) {
    tracing::info!(bytes = payload.len(), "done");
}

/// Jobs a second.
pub(crate) fn run(what: &str, database: &Path) -> Result<f64, Box<dyn std::error::Error>> {
    if matches!(what, "metrics" | "all") {
        sidetask_observe::install()?;
    }
    if matches!(what, "logs" | "all") {
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(sidetask::logs::layer()))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(runtime.block_on(end_to_end(database))?)
}

async fn end_to_end(database: &Path) -> Result<f64, Error> {
    let client = sidetask::connect(format!("sqlite:{}", database.display())).await?;
    let worker = client.worker().queue("default", IN_FLIGHT).start().await?;
    let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
    let completed = tokio::spawn(release(listen(&client)?, Arc::clone(&in_flight)));
    let begun = Instant::now();
    let mut producers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        producers.spawn(produce(client.clone(), Arc::clone(&in_flight)));
    }
    while let Some(done) = producers.join_next().await {
        done.map_err(|error| Error::panicked("producer", &error.to_string()))??;
    }
    completed.await.map_err(|error| Error::panicked("release", &error.to_string()))?;
    let figure = per_second(JOBS, begun.elapsed().as_secs_f64());
    worker.shutdown(Duration::from_secs(5)).await;
    client.close().await?;
    Ok(figure)
}

fn listen(client: &Client) -> Result<Events, Error> {
    let store: &Arc<dyn Store> = client.store().ok_or_else(|| Error::unsupported("only a store can be measured"))?;
    Ok(store.listen())
}

async fn produce(client: Client, in_flight: Arc<Semaphore>) -> Result<(), Error> {
    for _ in 0..JOBS / IN_FLIGHT {
        in_flight.acquire().await.map_err(|_| Error::closed("semaphore"))?.forget();
        client.enqueue(logs_a_line::call("x".repeat(230))).await?;
    }
    Ok(())
}

/// Makes room for another job with each one that is completed.
async fn release(mut events: Events, in_flight: Arc<Semaphore>) {
    let mut completed = 0;
    while completed < JOBS
        && let Some(batch) = events.next().await
    {
        let finished = batch.iter().filter(|event| matches!(event, Event::Finished { .. })).count();
        in_flight.add_permits(finished);
        completed += finished;
    }
}
