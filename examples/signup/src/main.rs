//! A web service that answers at once and sends the welcome e-mail afterwards.
//!
//! `cargo run --release --example signup -- [--port 8080] [--database FILE] [--concurrency 10] [--task-ms 20]`, and with
//! `--features postgres` on PostgreSQL: `--database postgres://..`

#![expect(clippy::print_stdout, reason = "it tells the person who started it where to look")]

mod app;
mod mail;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use sidetask_tower::BackgroundLayer;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::mail::Mailer;

/// Answers sign-ups at once and sends the welcome e-mail afterwards.
#[derive(Debug, Parser)]
struct Options {
    /// The port to listen on, on this machine only. 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The file that keeps the jobs, or a URL such as `memory:` or `postgres://localhost/app`.
    #[arg(long, default_value = "signup.db")]
    database: String,
    /// How many e-mails are sent at once.
    #[arg(long, default_value_t = 10)]
    concurrency: usize,
    /// How long sending one takes, in milliseconds.
    #[arg(long, default_value_t = 20)]
    task_ms: u64,
}

/// How long a stop waits for jobs to be let go and for e-mails that are being sent.
const DRAIN: Duration = Duration::from_secs(25);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let options = Options::parse();

    let client = sidetask::connect(url(&options.database)).await?;
    let worker = client
        .worker()
        .queue("mail", options.concurrency)
        .state(Mailer { takes: Duration::from_millis(options.task_ms) })
        .start()
        .await?;

    let background = BackgroundLayer::new(client.clone());

    let listener = TcpListener::bind(("127.0.0.1", options.port))
        .await
        .with_context(|| format!("cannot listen on port {}: choose another with --port", options.port))?;
    let address = listener.local_addr()?;
    // Without what may be a password.
    let database = options.database.rsplit('@').next().unwrap_or_default();
    println!("Listening on http://{address}; jobs are kept in {database}. Try:");
    println!(
        "  curl -d '{{\"email\": \"ada@example.com\"}}' -H 'content-type: application/json' http://{address}/signup"
    );
    println!("  curl http://{address}/stats");

    let app = app::router(client.clone(), background.clone());
    axum::serve(listener, app).with_graceful_shutdown(stopped()).await?;
    // First what makes jobs, then what runs them, last what keeps them.
    let deadline = Instant::now() + DRAIN;
    let letting_go = background.shutdown(DRAIN).await;
    let report = worker.shutdown(deadline.saturating_duration_since(Instant::now())).await;
    println!("Stopped: {report}");
    if !letting_go.is_clean() {
        println!("Run later, when their hold lapses: {letting_go}");
    }
    Ok(client.close().await?)
}

/// A database without a scheme is a file.
fn url(database: &str) -> String {
    let is_url = database.split_once(':').is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_lowercase()));
    if is_url { database.to_owned() } else { format!("sqlite:{database}") }
}

/// Completes when the program is told to end. Told again, it ends at once.
async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    told(&mut terminate).await;
    tokio::spawn(async move {
        told(&mut terminate).await;
        std::process::exit(130);
    });
}

async fn told(terminate: &mut Signal) {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
