//! A program that enqueues and works on any store until something happens to it.
//!
//! It says on its standard output what it does, a line at a time: `ready`, `ack ID` when a job is acknowledged, `run ID
//! ATTEMPT FENCE` and `end ID ATTEMPT FENCE` when its function begins and ends.
#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::error::Error;
use std::time::Duration;

use sidetask::{Client, Context, TaskError, Worker, task};
use tokio::signal::unix::{SignalKind, signal};

/// Short, so that tests do not wait long for a rescue.
const LEASE: Duration = Duration::from_secs(1);
const SLOTS: usize = 10;

/// Takes `ms` milliseconds, of which it holds up nobody, and answers its process.
#[task(name = "subject.work")]
async fn work(cx: Context, ms: u64) -> Result<u32, TaskError> {
    let id = cx.job_id().ok_or_else(|| TaskError::permanent("not a job"))?;
    println!("run {id} {} {}", cx.attempt(), cx.fencing_token());
    tokio::time::sleep(Duration::from_millis(ms)).await;
    println!("end {id} {} {}", cx.attempt(), cx.fencing_token());
    Ok(std::process::id())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [role, url, rest @ ..] = &arguments[..] else {
        return Err("usage: subject produce|work|both|drain|enqueue URL [..]".into());
    };
    let client = sidetask::connect(url).await?;
    match (*role, rest) {
        ("produce", [ms]) => produce(&client, ms.parse()?).await,
        ("work", []) => serve(&client).await,
        ("both", [ms]) => {
            let _worker = worker(&client).await?;
            produce(&client, ms.parse()?).await
        }
        ("drain", []) => drain(&client).await,
        ("enqueue", [number, ms]) => enqueue(&client, number.parse()?, ms.parse()?).await,
        _ => Err(format!("unknown arguments {arguments:?}").into()),
    }
}

async fn worker(client: &Client) -> Result<Worker, sidetask::Error> {
    let worker = client.worker().queue("default", SLOTS).lease(LEASE).start().await?;
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
async fn serve(client: &Client) -> Result<(), Box<dyn Error>> {
    let worker = worker(client).await?;
    signal(SignalKind::terminate())?.recv().await;
    println!("report {}", worker.shutdown(Duration::from_secs(5)).await);
    Ok(client.close().await?)
}

/// Works until there is nothing left to do.
async fn drain(client: &Client) -> Result<(), Box<dyn Error>> {
    let worker = worker(client).await?;
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
