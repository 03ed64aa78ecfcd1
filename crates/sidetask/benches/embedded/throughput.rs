//! Jobs per second.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sidetask::core::{Event, Events};
use sidetask::{Client, Error, State};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::jobs::{call, client, store_of};
use sidetask_bench_report::{Figures, per_second};

const PRODUCERS: usize = 64;
const ONE_BY_ONE: usize = 4000;
const BY_MANY: usize = 64_000;
const BULK: usize = 100_000;
const END_TO_END: usize = 100_000;

/// One producer that waits for each job to be on disk before it sends the next.
pub(crate) async fn one_producer(dir: &Path, figures: &mut Figures) -> Result<(), Error> {
    let client = client(&dir.join("one.db")).await?;
    let begun = Instant::now();
    for _ in 0..ONE_BY_ONE {
        client.enqueue(call()).await?;
    }
    figures.set("enqueue_1", per_second(ONE_BY_ONE, begun.elapsed().as_secs_f64()));
    client.close().await
}

/// 64 producers, each of which does the same.
pub(crate) async fn many_producers(dir: &Path, figures: &mut Figures) -> Result<(), Error> {
    let client = client(&dir.join("many.db")).await?;
    let begun = Instant::now();
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        producers.spawn(produce(client.clone(), BY_MANY / PRODUCERS, None));
    }
    all(producers).await?;
    figures.set("enqueue_64", per_second(BY_MANY, begun.elapsed().as_secs_f64()));
    client.close().await
}

/// All jobs in one call.
pub(crate) async fn bulk(dir: &Path, figures: &mut Figures) -> Result<(), Error> {
    let client = client(&dir.join("bulk.db")).await?;
    let calls: Vec<_> = (0..BULK).map(|_| call()).collect();
    let begun = Instant::now();
    client.enqueue_many(calls).await?;
    figures.set("bulk", per_second(BULK, begun.elapsed().as_secs_f64()));
    client.close().await
}

/// From enqueue to the completion on disk, with at most 64 jobs between the two at any time.
pub(crate) async fn end_to_end(dir: &Path, figures: &mut Figures) -> Result<(), Error> {
    let client = client(&dir.join("end.db")).await?;
    let worker = client.worker().queue("default", PRODUCERS).start().await?;
    let in_flight = Arc::new(Semaphore::new(PRODUCERS));
    let events = store_of(&client)?.listen();
    let completed = tokio::spawn(release(events, Arc::clone(&in_flight)));

    let begun = Instant::now();
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        producers.spawn(produce(client.clone(), END_TO_END / PRODUCERS, Some(Arc::clone(&in_flight))));
    }
    all(producers).await?;
    let expected = END_TO_END / PRODUCERS * PRODUCERS;
    let completed = completed.await.map_err(|_| Error::panicked("release", "the listener ended"))?;
    figures.set("e2e_64", per_second(expected, begun.elapsed().as_secs_f64()));
    assert_eq!(completed, expected);
    assert_eq!(client.stats().await?.total().count(State::Completed), expected as u64);
    worker.shutdown(Duration::from_secs(5)).await;
    client.close().await
}

async fn produce(client: Client, jobs: usize, in_flight: Option<Arc<Semaphore>>) -> Result<(), Error> {
    for _ in 0..jobs {
        if let Some(in_flight) = &in_flight {
            in_flight.acquire().await.map_err(|_| Error::closed("semaphore"))?.forget();
        }
        client.enqueue(call()).await?;
    }
    Ok(())
}

/// Makes room for another job with each one that is completed.
async fn release(mut events: Events, in_flight: Arc<Semaphore>) -> usize {
    let completed = AtomicUsize::new(0);
    while let Some(batch) = events.next().await {
        let finished = batch.iter().filter(|event| matches!(event, Event::Finished { .. })).count();
        in_flight.add_permits(finished);
        if completed.fetch_add(finished, Ordering::Relaxed) + finished == END_TO_END / PRODUCERS * PRODUCERS {
            break;
        }
    }
    completed.into_inner()
}

async fn all(mut producers: JoinSet<Result<(), Error>>) -> Result<(), Error> {
    while let Some(done) = producers.join_next().await {
        done.map_err(|error| Error::panicked("producer", &error.to_string()))??;
    }
    Ok(())
}
