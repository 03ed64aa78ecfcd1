//! Running what was stored before.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use sidetask::{Client, State};
use sidetask_bench_report::{Figures, per_second};

use crate::Result;
use crate::child::Child;
use crate::enqueue::WINDOW;
use crate::jobs::{EACH, call};
use crate::place::Place;
use crate::raw::Inserts;

const JOBS: usize = 100_000;
pub(crate) const RUNNERS: usize = 64;

/// Between two looks at whether everything is completed, once everything has run.
const LOOK: Duration = Duration::from_millis(2);

pub(crate) async fn measure(place: &Place, raw: &mut Inserts, figures: &mut Figures) -> Result<()> {
    raw.one(WINDOW).await?;
    figures.set("drain", drain(place, 1).await?);
    raw.one(WINDOW).await?;
    figures.set("drain_2workers", drain(place, 2).await?);
    raw.one(WINDOW).await
}

async fn drain(place: &Place, workers: usize) -> Result<f64> {
    let (url, schema) = place.fresh(&place.main)?;
    let client = sidetask::connect(&url).await?;
    client.enqueue_many((0..JOBS).map(|_| call())).await?;
    let mut children = try_join_all((0..workers).map(|_| Child::worker(&url, RUNNERS))).await?;
    let begun = Instant::now();
    for child in &mut children {
        child.tell().await?;
    }
    let children = all_ran(children).await?;
    while completed(&client).await? < JOBS as u64 {
        tokio::time::sleep(LOOK).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    for child in children {
        child.stop().await?;
    }
    client.close().await?;
    place.drop_schema(&place.main, &schema).await?;
    Ok(per_second(JOBS, seconds))
}

/// Waits until the functions have run, as the workers say, so that the database is not asked meanwhile: all but those of
/// which a worker is not yet to say anything.
async fn all_ran(children: Vec<Child>) -> Result<Vec<Child>> {
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let (over, _) = tokio::sync::watch::channel(false);
    let enough = JOBS / EACH + 1 - children.len();
    let listeners: Vec<_> = children
        .into_iter()
        .map(|mut child| {
            let (said, mut over) = (said.clone(), over.subscribe());
            tokio::spawn(async move {
                loop {
                    tokio::select! {
                        _ = over.wait_for(|over| *over) => return Ok(child),
                        line = child.line() => match line {
                            Ok(_) => _ = said.send(()),
                            Err(error) => return Err(error),
                        },
                    }
                }
            })
        })
        .collect();
    drop(said);
    for _ in 0..enough {
        heard.recv().await.ok_or("the workers ended")?;
    }
    over.send_replace(true);
    try_join_all(listeners).await?.into_iter().collect()
}

async fn completed(client: &Client) -> Result<u64> {
    Ok(client.stats().await?.total().count(State::Completed))
}
