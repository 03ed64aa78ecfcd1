//! Makes a thumbnail of every PNG and JPEG in a folder: one blocking task an image, on a durable queue.
//!
//! ```text
//! cargo run --release --example thumbnails -- DIR
//! ```
//!
//! Thumbnails and the queue's database go into `DIR/.thumbnails`. Kill it in the middle and start it again: each image
//! has a job with a key of its own, so nothing is queued twice, what is done stays done, and what was in flight is
//! taken back when its lease ends, 3 seconds after the kill. What failed in an earlier run is tried once more.

#![expect(clippy::print_stdout, reason = "a program's output")]

use std::convert::Infallible;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use sidetask::{Client, Job, JobRecord, Retention, State};

mod folder;
mod thumbnail;

use folder::{Folder, Image};

/// Makes a thumbnail of every PNG and JPEG in a folder. Killed and started again, it goes on where it stopped.
#[derive(Debug, Parser)]
#[command(name = "thumbnails")]
struct Options {
    /// The folder, with all that is below it
    dir: PathBuf,
    /// How wide a thumbnail is at most, in pixels
    #[arg(long, default_value = "320")]
    width: NonZero<u32>,
    /// How many images are worked on at once [default: one for each processor]
    #[arg(long)]
    concurrency: Option<NonZero<usize>>,
}

/// How long after its death a process's images are taken up by the next one.
const LEASE: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<()> {
    run(Options::parse()).await
}

async fn run(options: Options) -> Result<()> {
    let width = options.width.get();
    let begun = Instant::now();
    let folder = Folder::open(&options.dir)?;
    let client = sidetask::connect(folder.store_url()?).await?;

    let (images, unreadable) = folder.images();
    let calls = images.iter().map(|image| thumbnail::make::call(image.path.clone(), width).key(image.key(width)));
    let jobs: Vec<Job<()>> = client.enqueue_many(calls).await?;
    let earlier = made_earlier(&folder, &images, width, &jobs).await?;

    let concurrency = match options.concurrency {
        Some(concurrency) => concurrency.get(),
        None => std::thread::available_parallelism().map_or(1, NonZero::get),
    };
    // A job that is forgotten is one that the next run repeats.
    let worker = client.worker().queue(thumbnail::QUEUE, concurrency).retention(Retention::forever());
    let worker = worker.state(folder.clone()).lease(LEASE).start().await?;
    let bar = bar(jobs.len());
    let ended = tokio::select! {
        ended = all_ended(&jobs) => ended?,
        Err(error) = follow(&client, &bar) => return Err(error),
    };
    bar.finish_and_clear();
    worker.shutdown(LEASE).await;
    client.close().await?;

    let mut failures = unreadable;
    failures.extend(images.iter().zip(&ended).filter_map(|(image, job)| Some((image.path.clone(), failure(job)?))));
    let made = ended.iter().filter(|job| job.state == State::Completed).count();
    println!("{made} thumbnails in {}, {earlier} of them there already", folder.thumbnails(width).display());
    for (path, reason) in &failures {
        println!("failed: {path}: {reason}");
    }
    println!("{} failed, {:.1} s", failures.len(), begun.elapsed().as_secs_f64());
    Ok(())
}

/// How many thumbnails earlier runs made. One that somebody deleted since then is made again, and one that failed is
/// tried again, since its image may be readable by now.
async fn made_earlier(folder: &Folder, images: &[Image], width: u32, jobs: &[Job<()>]) -> Result<usize> {
    let mut count = 0;
    for (image, job) in images.iter().zip(jobs).filter(|(_, job)| job.existed()) {
        match job.record().await?.state {
            State::Completed if folder.thumbnail(&image.path, width).exists() => count += 1,
            State::Completed | State::Discarded => {
                job.retry().await?;
            }
            _ => {}
        }
    }
    Ok(count)
}

async fn all_ended(jobs: &[Job<()>]) -> Result<Vec<JobRecord>> {
    let mut ended = Vec::with_capacity(jobs.len());
    for job in jobs {
        ended.push(job.wait().await?);
    }
    Ok(ended)
}

/// Moves the bar by what the queue still has, until it is dropped.
async fn follow(client: &Client, bar: &ProgressBar) -> Result<Infallible> {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tick.tick().await;
        let counts = client.stats().await.context("the queue cannot be counted")?.queue(thumbnail::QUEUE);
        let open: u64 = counts.iter().filter(|(state, _)| !state.is_final()).map(|(_, count)| count).sum();
        bar.set_position(bar.length().unwrap_or(0).saturating_sub(open));
    }
}

/// A bar on standard error, where that is a terminal.
fn bar(images: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} images, {elapsed} gone, {eta} to go");
    ProgressBar::new(images as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Why a job that has ended made no thumbnail.
fn failure(job: &JobRecord) -> Option<String> {
    let last = || job.errors.last().map(|error| error.message.clone());
    (job.state != State::Completed).then(|| last().unwrap_or_else(|| job.state.to_string()))
}

#[cfg(test)]
mod tests;
