//! What the embedded store costs, beside what the disk costs: every figure is measured in turn in each round, with the
//! raw figure of the same round, and reported as the median over the rounds.
//!
//! `cargo xtask bench embedded [--output json]`

#![expect(clippy::print_stdout, reason = "a worker in a process of its own answers on its standard output")]

mod child;
mod claim;
mod jobs;
mod lists;
mod overhead;
mod pickup;
mod raw;
mod report;
mod throughput;

use std::path::Path;

use report::LINES;
use sidetask_bench_report::{Figures, Report};

/// Medians are taken over this many rounds.
const ROUNDS: usize = 5;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--worker", database] => child::work(database).await,
        [] => bench(false).await,
        ["--output", "json"] => bench(true).await,
        _ => Err(format!("unknown arguments {arguments:?}: the only one is `--output json`").into()),
    }
}

async fn bench(json: bool) -> Result<(), Box<dyn std::error::Error>> {
    // In the working directory and not in the system's temporary one, which may be in memory.
    let dir = tempfile::tempdir_in(".")?;
    let claims = claim::Stores::fill().await?;
    lists::spread(&claims.many).await?;
    let mut report = Report::of(&LINES);
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        report.add(measure(dir.path(), round, &claims).await?);
    }
    Ok(report.print(json)?)
}

async fn measure(dir: &Path, round: usize, claims: &claim::Stores) -> Result<Figures, Box<dyn std::error::Error>> {
    let dir = dir.join(round.to_string());
    std::fs::create_dir(&dir)?;
    let mut figures = Figures::default();
    raw::one_by_one(&dir, &mut figures)?;
    throughput::one_producer(&dir, &mut figures).await?;
    raw::in_batches(&dir, &mut figures)?;
    throughput::many_producers(&dir, &mut figures).await?;
    throughput::bulk(&dir, &mut figures).await?;
    throughput::end_to_end(&dir, &mut figures).await?;
    pickup::same_process(&dir, &mut figures).await?;
    pickup::other_process(&dir, &mut figures).await?;
    claims.measure(&mut figures).await?;
    lists::measure(&*claims.many.store, &mut figures).await?;
    overhead::in_process(&mut figures).await?;
    child::idle(&dir, &mut figures).await?;
    std::fs::remove_dir_all(&dir)?;
    Ok(figures)
}
