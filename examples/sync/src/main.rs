//! Copies what a service has into a table, page by page: a job a page, each enqueued in the transaction that keeps the
//! rows of the one before, under a rate limit that all pages share.
//!
//! ```text
//! cargo run --release --example sync -- [--rows 1000] [--page 50] [--database sync.db] [--run NAME]
//! ```
//!
//! The service runs in this program, on a free port of this machine. It answers 429 to who calls too often, and sometimes to
//! others, and fails now and then. Kill the program and start it again, and it goes on where it stopped; started again
//! after the end, it finds that all is done. Another `--run` copies everything once more.

#![expect(clippy::print_stdout, reason = "a program's output")]

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use sidetask::Client;
use sidetask::sqlite::SqliteOptions;

mod page;
mod service;

use page::{Copied, Copy};
use service::{Seen, Service};

/// Copies what a service has, no faster than it allows, and goes on where it stopped.
#[derive(Debug, Parser)]
#[command(name = "sync")]
struct Options {
    /// How many rows the service has of each resource
    #[arg(long, default_value_t = 1000)]
    rows: u32,
    /// How many of them are in one page
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
    /// The SQLite file that keeps rows and jobs
    #[arg(long, default_value = "sync.db")]
    database: PathBuf,
    /// What this copy is called; the pages of one are fetched once
    #[arg(long, default_value = "first")]
    run: String,
    /// Decides which calls are refused and fail
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// What is copied.
const RESOURCES: [&str; 3] = ["contacts", "invoices", "payments"];

/// How long a stop waits for the pages that are being copied.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    println!("{}", run(Options::parse()).await?);
    Ok(())
}

async fn run(options: Options) -> Result<Summary> {
    let begun = Instant::now();
    let service = Service::start(options.rows, options.page, options.seed).await?;
    let jobs = SqliteOptions::new(&options.database).shared(true).open().await?;
    let client = Client::new(Arc::new(jobs.clone()));
    let copy = Copy::new(service.url(), options.database, jobs)?;
    let before = copy.rows()?;
    let worker = client.worker().queue(page::QUEUE, 8).state(copy.clone()).start().await?;

    let mut pages = 0;
    for first in client.enqueue_many(RESOURCES.map(|resource| page::of(&options.run, resource, 0))).await? {
        // Each page says which job is the next one's: the chain is followed to its end, whoever ran its first part.
        let mut next = Some(first.id());
        while let Some(id) = next {
            next = client.handle::<Copied>(id).output().await?.next;
            pages += 1;
        }
    }
    worker.shutdown(DRAIN).await;
    client.close().await?;
    Ok(Summary { pages, before, rows: copy.rows()?, seen: service.seen(), took: begun.elapsed() })
}

/// What came of it.
struct Summary {
    pages: u32,
    /// Rows that were there when it began.
    before: u32,
    rows: u32,
    seen: Seen,
    took: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pages, before, rows, seen, took } = self;
        writeln!(
            f,
            "{rows} rows in {pages} pages after {:.1} s, {before} of them were there before",
            took.as_secs_f64()
        )?;
        writeln!(f, "{} calls, {} answered 429 and {} answered 503", seen.calls, seen.refused, seen.failed)?;
        write!(f, "{} calls while the service had asked for patience", seen.impatient)
    }
}

#[cfg(test)]
mod tests;
