//! A program that enqueues and works until something happens to it.
//!
//! It says on its standard output what it does, a line at a time, so that what it had said when it was killed can be
//! compared with what the database says: `ack ID` when a job is acknowledged, `run ID ATTEMPT` and `end ID ATTEMPT` when
//! its function begins and ends. As a web server it also says its `port`, and `held ID` of a job that waits for the end
//! of its response.
#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::error::Error;
use std::time::Duration;

use sidetask::{Call, Client, Context, Runner, Schedule, State, Task, TaskError, task};
use tokio::signal::unix::{SignalKind, signal};

mod web;

const LEASE: Duration = Duration::from_secs(1);
const SLOTS: usize = 10;

/// Takes `ms` milliseconds, of which it holds up nobody, and answers its process.
#[task(name = "victim.work")]
async fn work(cx: Context, ms: u64) -> Result<u32, TaskError> {
    let id = cx.job_id().ok_or_else(|| TaskError::permanent("not a job"))?;
    println!("run {id} {}", cx.attempt());
    tokio::time::sleep(Duration::from_millis(ms)).await;
    println!("end {id} {}", cx.attempt());
    Ok(std::process::id())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (role, database, rest) = match &arguments[..] {
        ["stuck"] => return stuck().await,
        [role, database, rest @ ..] => (role, database, rest),
        _ => return Err("usage: victim stuck, or victim load|work|drain|fill|enqueue|ticks|web DATABASE [..]".into()),
    };
    let client = sidetask::connect(format!("sqlite:{database}")).await?;
    println!("ready");
    match (*role, rest) {
        ("load", []) => load(&client).await,
        ("work", []) => serve(&client).await,
        ("drain", []) => drain(&client).await,
        ("ticks", [ms]) => ticks(&client, ms.parse()?).await,
        ("fill", [bytes]) => fill(&client, bytes.parse()?).await,
        ("web", [hold]) => web::serve(&client, Duration::from_millis(hold.parse()?)).await,
        ("enqueue", [number, ms]) => enqueue(&client, number.parse()?, ms.parse()?).await,
        _ => Err(format!("unknown arguments {arguments:?}").into()),
    }
}

/// Ends though a function on the blocking pool does not.
async fn stuck() -> Result<(), Box<dyn Error>> {
    let runner = Runner::new();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let function = move || {
        let _ = begun.send(());
        std::thread::sleep(Duration::MAX);
    };
    runner.spawn(Task::blocking_once(function).named("the function"))?;
    has_begun.await?;
    println!("report {}", runner.shutdown(Duration::from_millis(1)).await);
    Ok(())
}

/// Enqueues without pause, from several tasks, and works on what it enqueued.
async fn load(client: &Client) -> Result<(), Box<dyn Error>> {
    let _worker = client.worker().queue("default", SLOTS).lease(LEASE).start().await?;
    let mut producers = Vec::new();
    for n in 0..8 {
        let client = client.clone();
        producers.push(tokio::spawn(async move {
            loop {
                let job = client.enqueue(work::call(n % 3)).await?;
                println!("ack {}", job.id());
            }
            #[expect(unreachable_code, reason = "it says what the loop fails with")]
            Ok::<(), sidetask::Error>(())
        }));
    }
    for producer in producers {
        producer.await??;
    }
    Ok(())
}

/// Works until it is told to stop, and then has 100 ms.
async fn serve(client: &Client) -> Result<(), Box<dyn Error>> {
    let worker = client.worker().queue("default", SLOTS).lease(LEASE).start().await?;
    signal(SignalKind::terminate())?.recv().await;
    let report = worker.shutdown(Duration::from_millis(100)).await;
    println!("report {report:?}");
    Ok(client.close().await?)
}

/// Says which tick of a schedule it is for.
#[task(name = "victim.tick")]
async fn tick(micros: i64) {
    println!("tick {micros}");
}

/// Keeps a schedule of this period until something happens.
async fn ticks(client: &Client, ms: u64) -> Result<(), Box<dyn Error>> {
    let schedule = Schedule::every("victim", Duration::from_millis(ms));
    let worker = client.worker().queue("default", SLOTS).lease(LEASE);
    let _worker = worker.schedule(schedule, |at| tick::call(at.as_micros())).start().await?;
    std::future::pending().await
}

/// Works until there is nothing left to do.
async fn drain(client: &Client) -> Result<(), Box<dyn Error>> {
    let worker = client.worker().queue("default", SLOTS).lease(LEASE).start().await?;
    loop {
        let counts = client.stats().await?.total();
        if counts.iter().all(|(state, count)| state.is_final() || count == 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.shutdown(Duration::from_secs(5)).await;
    println!("completed {}", client.stats().await?.total().count(State::Completed));
    Ok(client.close().await?)
}

/// Enqueues large jobs until that fails.
async fn fill(client: &Client, bytes: usize) -> Result<(), Box<dyn Error>> {
    let error = loop {
        match client.enqueue(Call::new("victim.large", "x".repeat(bytes))).await {
            Ok(job) => println!("ack {}", job.id()),
            Err(error) => break error,
        }
    };
    let kind = if error.is_full() {
        "full"
    } else if error.is_storage() {
        "storage"
    } else {
        "other"
    };
    println!("error {kind} {error}");
    Ok(())
}

async fn enqueue(client: &Client, number: usize, ms: u64) -> Result<(), Box<dyn Error>> {
    for _ in 0..number {
        println!("ack {}", client.enqueue(work::call(ms)).await?.id());
    }
    Ok(client.close().await?)
}
