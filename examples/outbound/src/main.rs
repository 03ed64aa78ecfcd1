//! Blocking HTTP calls from async code: done right, on threads of their own, and done wrong, on the runtime's.
//!
//! ```text
//! cargo run --release --example outbound -- --calls 20 --answer-ms 200
//! ```
//!
//! The client, `ureq`, is synchronous: each call blocks its thread until the answer is there. The server is the
//! program's own, on a free port of this machine, and takes `--answer-ms` for each answer. Meanwhile a task on the same
//! runtime wants to wake every 5 ms, as an async web server does all the time; how late it was at most is what that
//! server's users would have felt.

#![expect(clippy::print_stdout, reason = "a program's output")]

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use sidetask::BlockingPool;
use tokio::task::JoinSet;

mod heartbeat;
mod server;

use heartbeat::Heartbeat;
use server::{Answers, Server};

/// Makes many blocking HTTP calls from async code, and shows what they do to the runtime.
#[derive(Debug, Parser)]
#[command(name = "outbound")]
struct Options {
    /// How many calls are made at once
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u16).range(1..=1000))]
    calls: u16,
    /// How long the server takes for an answer, in milliseconds
    #[arg(long, default_value = "200", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    answer_ms: u32,
}

/// The pool of everything that talks to the slow service. Others have theirs, and notice nothing when it hangs.
const POOL: &str = "slow service";

/// How long a call may take. A thread that waits cannot be stopped from outside, so each call sets its own end.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let calls = usize::from(options.calls);
    BlockingPool::builder().name(POOL).threads(calls).install()?;
    let answers = Answers::After(Duration::from_millis(options.answer_ms.into()));

    println!("{calls} blocking calls, each answered after {} ms\n", options.answer_ms);
    println!("{:<36}{:>8}{:>11}{:>22}", "", "time", "at once", "heartbeat late by");
    let server = Server::start(answers)?;
    let right = measure(on_the_pool(&server, calls)).await?;
    print(&right, "right: sidetask::blocking(..).await", &server);
    let server = Server::start(answers)?;
    let wrong = measure(on_the_runtime(&server, calls)).await?;
    print(&wrong, "wrong: called in async tasks", &server);
    Ok(())
}

/// The right way: each call waits on a thread of the pool, and the runtime's threads are free.
async fn on_the_pool(server: &Server, calls: usize) -> Result<()> {
    all((0..calls).map(|_| {
        let url = server.url();
        async { sidetask::blocking(move || fetch(&url)).pool(POOL).named("fetch from the slow service").await? }
    }))
    .await
}

/// The wrong way: each call holds a thread of the runtime until its answer is there.
async fn on_the_runtime(server: &Server, calls: usize) -> Result<()> {
    all((0..calls).map(|_| {
        let url = server.url();
        async move { fetch(&url) }
    }))
    .await
}

/// A call as a synchronous library makes it.
fn fetch(url: &str) -> Result<()> {
    // The server is on this machine, whatever proxy the environment names.
    let request = ureq::get(url).config().proxy(None).timeout_global(Some(PATIENCE)).build();
    let text = request.call()?.body_mut().read_to_string()?;
    ensure!(text == "ok", "the server answered {text:?}");
    Ok(())
}

/// Spawns every call, and waits for all.
async fn all(calls: impl Iterator<Item = impl Future<Output = Result<()>> + Send + 'static>) -> Result<()> {
    let mut running: JoinSet<_> = calls.collect();
    while let Some(ended) = running.join_next().await {
        ended?.context("a call failed")?;
    }
    Ok(())
}

/// How long it took, and how late the heartbeat was at most meanwhile.
struct Measured {
    took: Duration,
    late: Duration,
}

async fn measure(calls: impl Future<Output = Result<()>>) -> Result<Measured> {
    let heartbeat = Heartbeat::start().await;
    let begun = Instant::now();
    calls.await?;
    let took = begun.elapsed();
    Ok(Measured { took, late: heartbeat.stop().await? })
}

fn print(measured: &Measured, way: &str, server: &Server) {
    let [took, late] = [measured.took, measured.late].map(|time| format!("{} ms", time.as_millis()));
    println!("{way:<36}{took:>8}{:>11}{late:>22}", server.most_in_flight());
}

#[cfg(test)]
mod tests;
