//! How long after `enqueue` returned the function begins, with a worker that has nothing else to do.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sidetask::{Error, Registry};
use tokio::io::{BufReader, Lines};
use tokio::process::ChildStdout;
use tokio::sync::mpsc;

use crate::child::Child;
use crate::jobs::client;
use sidetask_bench_report::{Figures, percentile};

const JOBS: usize = 500;

/// Between two jobs, so that the worker and the store are at rest when the next one comes.
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) async fn same_process(dir: &Path, figures: &mut Figures) -> Result<(), Error> {
    let client = client(&dir.join("pickup.db")).await?;
    let (begun, mut started) = mpsc::unbounded_channel();
    let mut registry = Registry::new();
    registry.register("bench.start", move |(): ()| {
        let told = begun.send(now());
        async move { told.is_ok() }
    });
    let worker = client.worker().queue("default", 10).registry(registry).start().await?;
    let mut times = Vec::with_capacity(JOBS);
    for _ in 0..JOBS {
        tokio::time::sleep(PAUSE).await;
        client.enqueue(sidetask::Call::new("bench.start", ())).await?;
        let returned = now();
        let started = started.recv().await.ok_or_else(|| Error::closed("worker"))?;
        times.push(after(returned, started));
    }
    worker.shutdown(Duration::from_secs(5)).await;
    report(figures, "pickup", times);
    client.close().await
}

pub(crate) async fn other_process(dir: &Path, figures: &mut Figures) -> Result<(), Box<dyn std::error::Error>> {
    let database = dir.join("other.db");
    let client = client(&database).await?;
    let mut child = Child::start(&database).await?;
    let mut times = Vec::with_capacity(JOBS);
    for _ in 0..JOBS {
        tokio::time::sleep(PAUSE).await;
        client.enqueue(crate::child::report_start::call()).await?;
        let returned = now();
        times.push(after(returned, read(&mut child.lines).await?));
    }
    child.stop().await?;
    report(figures, "pickup_other", times);
    Ok(client.close().await?)
}

fn report(figures: &mut Figures, name: &str, mut times: Vec<f64>) {
    figures.set(&format!("{name}_p50_ms"), percentile(&mut times, 50) * 1e3);
    figures.set(&format!("{name}_p99_ms"), percentile(&mut times, 99) * 1e3);
}

async fn read(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<Duration, Box<dyn std::error::Error>> {
    let line = lines.next_line().await?.ok_or("the worker process ended")?;
    Ok(Duration::from_nanos(line.parse()?))
}

/// A function that began before `enqueue` returned began at once.
fn after(returned: Duration, started: Duration) -> f64 {
    started.saturating_sub(returned).as_secs_f64()
}

/// The same clock in both processes.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
