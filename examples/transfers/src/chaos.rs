//! Worker processes that are killed, and the reckoning.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sidetask::{Client, JobId, State};
use tokio::process::{Child, Command};

use crate::bank::{self, Bank, Books};
use crate::transfer::transfer;
use crate::{LEASE, Options};

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(options.accounts >= 2, "money is moved between two accounts: say `--accounts 2` or more");
    ensure!(options.processes >= 1, "somebody has to work: say `--processes 1` or more");
    let client = sidetask::connect(bank::jobs(&options.database)).await?;
    let bank = Bank::open(&options.database)?;
    bank.found(options.accounts).await?;
    let before = bank.books().await?.cents;

    let begun = Instant::now();
    let mut workers = Workers::start(options)?;
    let enqueueing = tokio::spawn(enqueue(client.clone(), options.clone()));
    // It goes on until most of what was enqueued has ended, so that the rest is not killed for ever.
    while workers.killed < options.kills
        && (!enqueueing.is_finished() || unfinished(&client).await? > options.transfers / 4)
    {
        workers.kill_one().await?;
    }
    let jobs = enqueueing.await??;
    while unfinished(&client).await? > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = begun.elapsed();
    let killed = workers.stop().await?;

    let books = bank.books().await?;
    let attempts = check(&client, &jobs, &books).await?;
    ensure!(books.cents == before, "the accounts had {before} cents and have {}", books.cents);
    println!(
        "{} transfers by {} processes in {:.1} s, {killed} of them killed: each transfer happened once, in {attempts} \
         attempts, and the accounts have {before} cents as before",
        jobs.len(),
        options.processes,
        took.as_secs_f64(),
    );
    Ok(client.close().await?)
}

async fn enqueue(client: Client, options: Options) -> anyhow::Result<Vec<JobId>> {
    let mut jobs = Vec::with_capacity(options.transfers);
    while jobs.len() < options.transfers {
        let from = fastrand::i64(0..options.accounts);
        let to = (from + fastrand::i64(1..options.accounts)) % options.accounts;
        jobs.push(client.enqueue(transfer::call(from, to, fastrand::i64(1..=5_000))).await?.id());
    }
    Ok(jobs)
}

async fn unfinished(client: &Client) -> anyhow::Result<usize> {
    let counts = client.stats().await?.queue("transfers");
    let unfinished: u64 = counts.iter().filter(|(state, _)| !state.is_final()).map(|(_, count)| count).sum();
    Ok(usize::try_from(unfinished)?)
}

/// Looks whether each transfer that was acknowledged happened exactly once, and answers how many attempts that took.
async fn check(client: &Client, jobs: &[JobId], books: &Books) -> anyhow::Result<u32> {
    let mut attempts = 0;
    for id in jobs {
        let job = client.job(*id).await?.with_context(|| format!("job {id} is lost"))?;
        ensure!(job.state == State::Completed, "job {id} is {}: {:?}", job.state, job.errors.last());
        let times = books.ledger.get(&id.to_string()).copied().unwrap_or_default();
        ensure!(times == 1, "job {id} moved its money {times} times, in {} attempts", job.attempt);
        attempts += job.attempt;
    }
    Ok(attempts)
}

/// The worker processes.
struct Workers<'a> {
    options: &'a Options,
    processes: Vec<Child>,
    killed: usize,
}

impl<'a> Workers<'a> {
    fn start(options: &'a Options) -> anyhow::Result<Self> {
        let processes = (0..options.processes).map(|_| start(options)).collect::<anyhow::Result<_>>()?;
        Ok(Self { options, processes, killed: 0 })
    }

    /// Waits a while, kills one of them without warning, and starts another in its place.
    async fn kill_one(&mut self) -> anyhow::Result<()> {
        let about = self.options.kill_ms.max(1);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(about / 2..=about * 3 / 2))).await;
        let process = fastrand::usize(..self.processes.len());
        self.processes[process].kill().await?;
        self.killed += 1;
        self.processes[process] = start(self.options)?;
        Ok(())
    }

    /// Has them end by themselves. Answers how many were killed.
    async fn stop(self) -> anyhow::Result<usize> {
        for mut process in self.processes {
            drop(process.stdin.take());
            let status = tokio::time::timeout(10 * LEASE, process.wait()).await.context("a worker does not end")??;
            ensure!(status.success(), "a worker ended with {status}");
        }
        Ok(self.killed)
    }
}

fn start(options: &Options) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--database", &options.database, "work"]).stdin(Stdio::piped()).kill_on_drop(true);
    command.spawn().context("a worker process cannot be started")
}
