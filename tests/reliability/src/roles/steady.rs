#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sidetask::{Client, Retention, task};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::settings::Settings;

/// What was completed is soon deleted, so that whatever grows grows for another reason.
const KEPT: Duration = Duration::from_secs(20);

/// How many functions have returned in this process.
static DONE: AtomicU64 = AtomicU64::new(0);

/// Is counted, and says nothing: there are too many of them.
#[task(name = "subject.quiet")]
async fn quiet(text: String) -> usize {
    DONE.fetch_add(1, Ordering::Relaxed);
    text.len()
}

/// Works, and enqueues so many jobs each second in ten batches, until it is told to stop. It says every second how many
/// are done.
pub(crate) async fn work(client: &Client, rate: usize, settings: Settings) -> Result<(), Box<dyn Error>> {
    let Settings { lease, poll, slots, .. } = settings;
    let worker = client.worker().queue("default", slots).lease(lease).poll_interval(poll);
    let worker = worker.retention(Retention::default().completed(KEPT)).start().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut ticks = interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    println!("ready");
    for tick in 0_u64.. {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = terminate.recv() => break,
        }
        if let Err(error) = client.enqueue_many((0..rate / 10).map(|_| quiet::call("x".repeat(200)))).await {
            println!("refused {error}");
        }
        if tick % 10 == 9 {
            println!("done {}", DONE.load(Ordering::Relaxed));
        }
    }
    println!("report {}", worker.shutdown(Duration::from_secs(5)).await);
    Ok(client.close().await?)
}
