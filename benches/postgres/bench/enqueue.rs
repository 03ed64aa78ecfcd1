//! Storing jobs.

use std::time::{Duration, Instant};

use sidetask::Client;
use sidetask_bench_report::Figures;
use tokio::task::JoinSet;

use crate::Result;
use crate::jobs::call;
use crate::place::Place;
use crate::raw::{Inserts, Rate};

const PRODUCERS: usize = 64;
const BULK: usize = 100_000;

/// Short, so that what others do on the machine meets both alike.
pub(crate) const WINDOW: Duration = Duration::from_millis(400);
const TURNS: usize = 5;

pub(crate) async fn measure(place: &Place, raw: &mut Inserts, figures: &mut Figures) -> Result<()> {
    let (url, schema) = place.fresh(&place.main)?;
    let client = sidetask::connect(url).await?;
    client.enqueue(call()).await?;
    let (mut one, mut many) = (Rate::default(), Rate::default());
    for _ in 0..TURNS {
        raw.one(WINDOW).await?;
        let begun = Instant::now();
        one.add(produce(client.clone(), begun).await?, begun);
    }
    for _ in 0..TURNS {
        raw.many(WINDOW).await?;
        let begun = Instant::now();
        many.add(by_many(&client, begun).await?, begun);
    }
    one.report("enqueue_1", figures);
    many.report("enqueue_64", figures);
    client.close().await?;
    place.drop_schema(&place.main, &schema).await
}

/// All jobs in one call, which makes them durable together.
pub(crate) async fn bulk(place: &Place, raw: &mut Inserts, figures: &mut Figures) -> Result<()> {
    let (url, schema) = place.fresh(&place.main)?;
    let client = sidetask::connect(url).await?;
    client.enqueue(call()).await?;
    let calls: Vec<_> = (0..BULK).map(|_| call()).collect();
    raw.many(WINDOW).await?;
    raw.copy(BULK, figures).await?;
    let begun = Instant::now();
    client.enqueue_many(calls).await?;
    let mut rate = Rate::default();
    rate.add(BULK, begun);
    rate.report("bulk", figures);
    raw.many(WINDOW).await?;
    client.close().await?;
    place.drop_schema(&place.main, &schema).await
}

async fn by_many(client: &Client, begun: Instant) -> Result<usize> {
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        producers.spawn(produce(client.clone(), begun));
    }
    let mut count = 0;
    while let Some(done) = producers.join_next().await {
        count += done??;
    }
    Ok(count)
}

/// Waits for each job to be durable before it stores the next.
async fn produce(client: Client, begun: Instant) -> Result<usize> {
    let mut count = 0;
    while begun.elapsed() < WINDOW {
        client.enqueue(call()).await?;
        count += 1;
    }
    Ok(count)
}
