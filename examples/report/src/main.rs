//! Builds a report in the background and shows how far it is, as a client sees it: a stream of progress, then the output,
//! which is kept. It can be cancelled on the way.
//!
//! ```text
//! cargo run --release --example report -- [--year 2025] [--cancel-at 50] [--region-ms 250] [--database report.db]
//! ```
//!
//! Ask again for the same year, and the report that was kept is read. Kill the program on the way and start it again, and
//! the report is built anew when the lease of the killed worker has expired. How such a task is tested is in `tests.rs`.

#![expect(clippy::print_stdout, reason = "a program's output")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use sidetask::{Job, State};

mod sales;

use sales::{Ledger, REGIONS, Report, order};

/// Builds a report in the background, and shows how far it is.
#[derive(Debug, Parser)]
#[command(name = "report")]
struct Options {
    /// The year that is reported on
    #[arg(long, default_value_t = 2025)]
    year: u32,
    /// Cancels the report when so much of it is done, in percent
    #[arg(long)]
    cancel_at: Option<u64>,
    /// How long each region takes, in milliseconds
    #[arg(long, default_value_t = 250)]
    region_ms: u64,
    /// The SQLite file that keeps jobs and reports
    #[arg(long, default_value = "report.db")]
    database: PathBuf,
}

/// How long a lost worker's job waits to be taken back.
const LEASE: Duration = Duration::from_secs(5);

/// How long a stop waits for what runs.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    run(Options::parse(), |line| println!("{line}")).await
}

async fn run(options: Options, mut say: impl FnMut(String)) -> Result<()> {
    let client = sidetask::connect(format!("sqlite:{}", options.database.display())).await?;
    let ledger = Ledger { takes: Duration::from_millis(options.region_ms) };
    let worker = client.worker().queue(sales::QUEUE, 2).state(ledger).lease(LEASE).start().await?;
    let mut job = order(&client, options.year).await?;
    if job.existed() && job.record().await?.state == State::Cancelled {
        say("The report was cancelled before. It is begun again.".to_owned());
        job.retry().await?;
        job = client.handle(job.id());
    }
    follow(&job, options.cancel_at, &mut say).await?;
    worker.shutdown(DRAIN).await;
    Ok(client.close().await?)
}

/// Tells of a report until its end.
async fn follow(job: &Job<Report>, mut cancel_at: Option<u64>, say: &mut impl FnMut(String)) -> Result<()> {
    let mut progress = job.progress();
    while let Some(report) = progress.next().await {
        let report = report?;
        let percent = 100 * report.done / report.total.max(1);
        say(format!("{percent:>3} %  {}", report.message.unwrap_or_default()));
        if cancel_at.take_if(|at| *at <= percent).is_some() && job.cancel().await? == State::Running {
            say("       cancelled; the function hears of it before its next region".to_owned());
        }
    }
    let record = job.wait().await?;
    match record.state {
        State::Completed => {
            let Report { year, cents, by_region } = job.output().await?;
            for region in REGIONS {
                let cents = by_region.get(region).copied().unwrap_or_default();
                say(format!("{region:<14} {:>12}.{:02}", cents / 100, cents % 100));
            }
            say(format!("{:<14} {:>12}.{:02}", format!("all of {year}"), cents / 100, cents % 100));
        }
        state => {
            let why = record.errors.last().map_or("", |error| error.message.as_str());
            say(format!("The report is {state}: {why}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
