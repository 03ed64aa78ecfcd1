//! A program that enqueues and works on any store until something happens to it.
//!
//! It says on its standard output what it does, a line at a time: `ready`, `ack ID` when a job is acknowledged, `run ID
//! ATTEMPT FENCE MICROSECONDS` and `end ..` when its function begins and ends, with the time since 1970.
#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::error::Error;
use std::time::Duration;

use sidetask::{Client, Worker};
use tokio::signal::unix::{SignalKind, signal};

use settings::Settings;
use tasks::work;

mod effects;
mod roles;
mod say;
mod settings;
mod tasks;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let settings = Settings::take(&mut arguments)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [role, url, rest @ ..] = &arguments[..] else {
        return Err("usage: subject ROLE URL [..] [--SETTING=VALUE]".into());
    };
    let client = sidetask::connect(url).await?;
    effects::keep_at(url);
    match (*role, rest) {
        ("produce", [ms]) => produce(&client, ms.parse()?).await,
        ("work", []) => serve(&client, settings).await,
        ("both", [ms]) => {
            let _worker = worker(&client, settings).await?;
            produce(&client, ms.parse()?).await
        }
        ("drain", []) => drain(&client, settings).await,
        ("keyed", [prefix, number]) => keyed(&client, prefix, number.parse()?).await,
        ("enqueue", [number, ms]) => enqueue(&client, number.parse()?, ms.parse()?).await,
        _ => roles::play(&client, role, rest, settings).await,
    }
}

async fn worker(client: &Client, settings: Settings) -> Result<Worker, sidetask::Error> {
    let Settings { lease, poll, slots, queue } = settings;
    let worker = client.worker().queue(queue, slots).lease(lease).poll_interval(poll).start().await?;
    println!("ready");
    Ok(worker)
}

/// Enqueues without pause, from several tasks; what fails is tried again.
async fn produce(client: &Client, ms: u64) -> Result<(), Box<dyn Error>> {
    for _ in 0..4 {
        let client = client.clone();
        tokio::spawn(async move {
            loop {
                match client.enqueue(work::call(ms)).await {
                    Ok(job) => println!("ack {}", job.id()),
                    Err(error) => {
                        println!("refused {error}");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        });
    }
    println!("producing");
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

/// Works until it is told to stop, and then has 5 seconds.
async fn serve(client: &Client, settings: Settings) -> Result<(), Box<dyn Error>> {
    let worker = worker(client, settings).await?;
    signal(SignalKind::terminate())?.recv().await;
    println!("report {}", worker.shutdown(Duration::from_secs(5)).await);
    Ok(client.close().await?)
}

/// Works until there is nothing left to do.
async fn drain(client: &Client, settings: Settings) -> Result<(), Box<dyn Error>> {
    let worker = worker(client, settings).await?;
    loop {
        let counts = client.stats().await?.total();
        if counts.iter().all(|(state, count)| state.is_final() || count == 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("report {}", worker.shutdown(Duration::from_secs(5)).await);
    Ok(client.close().await?)
}

async fn enqueue(client: &Client, number: usize, ms: u64) -> Result<(), Box<dyn Error>> {
    for _ in 0..number {
        println!("ack {}", client.enqueue(work::call(ms)).await?.id());
    }
    Ok(client.close().await?)
}

/// Enqueues one after the other, each with a key, and says it after the id.
async fn keyed(client: &Client, prefix: &str, number: usize) -> Result<(), Box<dyn Error>> {
    for n in 0..number {
        let key = format!("{prefix} {n}");
        println!("ack {} {key}", client.enqueue(work::call(0).key(&key)).await?.id());
    }
    Ok(client.close().await?)
}
