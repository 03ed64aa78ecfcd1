//! Calls a service that allows so many calls a second, answers 429 beyond that and 503 now and then: one job a call, on
//! a durable queue, under a rate limit that all jobs share.
//!
//! ```text
//! cargo run --release --example capped -- [--jobs 200] [--unlimited] [--database URL]
//! ```
//!
//! The service runs in this program, on a free port of this machine. With `--unlimited` the jobs are called as fast as
//! they go, to see what the limit is for: the service refuses most calls, and each of them comes back later.

#![expect(clippy::print_stdout, reason = "a program's output")]

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use sidetask::{Job, Registry, State, TaskOptions};

mod client;
mod service;

use client::Client;
use service::{Seen, Service};

/// Calls a service as often as it allows, and loses nothing of what it refuses.
#[derive(Debug, Parser)]
#[command(name = "capped")]
struct Options {
    /// How many calls are to be made
    #[arg(long, default_value_t = 200)]
    jobs: u32,
    /// Leaves the rate limit out
    #[arg(long)]
    unlimited: bool,
    /// What keeps the jobs, such as `sqlite:jobs.db` [default: a temporary file]
    #[arg(long)]
    database: Option<String>,
    /// Decides which calls fail with 503
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// How long a stop waits for the calls that are being made.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    println!("{}", run(Options::parse()).await?);
    Ok(())
}

async fn run(options: Options) -> Result<Summary> {
    let begun = Instant::now();
    let service = Service::start(options.seed).await?;
    let folder = tempfile::tempdir()?;
    let database = match options.database {
        Some(url) => url,
        None => format!("sqlite:{}", folder.path().join("jobs.db").display()),
    };
    let client = sidetask::connect(database).await?;
    let worker = client.worker().queue(client::QUEUE, 8).registry(registry(options.unlimited));
    let worker = worker.state(Client::new(service.url())).start().await?;

    let jobs: Vec<Job<u32>> = client.enqueue_many((0..options.jobs).map(client::double::call)).await?;
    let mut completed = 0;
    for (number, job) in (0..).zip(&jobs) {
        if job.wait().await?.state == State::Completed {
            ensure!(job.output().await? == 2 * number, "the service doubles what it is given");
            completed += 1;
        }
    }
    worker.shutdown(DRAIN).await;
    client.close().await?;
    Ok(Summary { jobs: options.jobs, completed, seen: service.seen(), took: begun.elapsed() })
}

/// The one function, with the limit that its attribute says or without.
fn registry(unlimited: bool) -> Registry {
    let mut registry = Registry::new();
    let definition = registry.add::<client::double>();
    if unlimited {
        let mut options: TaskOptions = definition.options().clone();
        options.rate_limit = None;
        definition.set_options(options);
    }
    registry
}

/// What came of it.
struct Summary {
    jobs: u32,
    completed: u32,
    seen: Seen,
    took: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jobs, completed, seen, took } = self;
        writeln!(f, "{completed} of {jobs} jobs completed in {:.1} s", took.as_secs_f64())?;
        writeln!(f, "{} calls, {} answered 429 and {} answered 503", seen.calls, seen.refused, seen.failed)?;
        write!(f, "at most {} calls in one second, {} are allowed", seen.most_in_a_second, service::CAP)
    }
}

#[cfg(test)]
mod tests;
