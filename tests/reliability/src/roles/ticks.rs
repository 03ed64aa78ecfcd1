#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::error::Error;
use std::time::Duration;

use sidetask::{Client, Schedule, task};
use tokio::signal::unix::{SignalKind, signal};

use crate::settings::Settings;

/// Says which tick of the schedule it is for.
#[task(name = "subject.tick")]
async fn tick(micros: i64) {
    println!("tick {micros}");
}

/// Works, and keeps a schedule of this period, until it is told to stop.
pub(crate) async fn keep(client: &Client, period: Duration, settings: Settings) -> Result<(), Box<dyn Error>> {
    let schedule = Schedule::every("subject", period);
    let Settings { lease, poll, slots, .. } = settings;
    let worker = client.worker().queue("default", slots).lease(lease).poll_interval(poll);
    let worker = worker.schedule(schedule, |at| tick::call(at.as_micros())).start().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    println!("ready");
    terminate.recv().await;
    println!("report {}", worker.shutdown(Duration::from_secs(5)).await);
    Ok(client.close().await?)
}
