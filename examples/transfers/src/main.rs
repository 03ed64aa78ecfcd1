//! Moves money exactly once, by workers that are killed at random.
//!
//! `cargo run --release --example transfers -- [--database sqlite:transfers.db] [--transfers 2000] [--processes 3]`, and
//! with `--features postgres` on `--database postgres://..`. It starts worker processes, enqueues transfers, kills the
//! processes with SIGKILL all the while, and at the end looks whether each transfer happened once and no cent is missing.

#![expect(clippy::print_stdout, reason = "it tells the person who started it what came of it")]

mod bank;
mod chaos;
mod transfer;

use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::io::AsyncReadExt as _;
use tracing_subscriber::filter::LevelFilter;

use crate::bank::Bank;

/// Moves money exactly once, by workers that are killed at random.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// The database that keeps both the jobs and the accounts, as a URL.
    #[arg(long, default_value = "sqlite:transfers.db")]
    database: String,
    /// How many accounts there are.
    #[arg(long, default_value_t = 20)]
    accounts: i64,
    /// How many transfers are enqueued.
    #[arg(long, default_value_t = 2000)]
    transfers: usize,
    /// How many worker processes there are at any time.
    #[arg(long, default_value_t = 3)]
    processes: usize,
    /// About how often one of them is killed, in milliseconds.
    #[arg(long, default_value_t = 200)]
    kill_ms: u64,
    /// The most that are killed: where they die sooner than they can work, nothing would come of it.
    #[arg(long, default_value_t = 100)]
    kills: usize,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Role {
    /// Works until its standard input ends, as the processes that this program starts do.
    Work,
}

/// How long after its death what a worker held is taken back.
const LEASE: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // That workers die and jobs are taken back is no news here.
    tracing_subscriber::fmt().with_max_level(LevelFilter::ERROR).with_writer(std::io::stderr).init();
    let options = Options::parse();
    match options.role {
        Some(Role::Work) => work(&options).await,
        None => chaos::run(&options).await,
    }
}

async fn work(options: &Options) -> anyhow::Result<()> {
    let client = sidetask::connect(bank::jobs(&options.database)).await?;
    let bank = Bank::open(&options.database)?;
    let worker = client.worker().queue("transfers", 8).state(bank).lease(LEASE).start().await?;
    // It ends with whoever started it, at the latest.
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    worker.shutdown(Duration::from_secs(5)).await;
    Ok(client.close().await?)
}
