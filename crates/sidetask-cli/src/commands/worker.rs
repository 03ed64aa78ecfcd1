//! Running the jobs of a store.

use std::time::Duration;

use sidetask::{Client, Worker};
use sidetask_observe::Probes;

use super::serve::{Serving, bind};
use super::stop::Stop;
use crate::app::Setup;
use crate::args;
use crate::exit::{Exit, Failure};
use crate::session::{Opening, Session};
use crate::settings::without_secrets;

mod burst;

const SHUTDOWN: Duration = Duration::from_secs(25);

pub(super) async fn run(session: &Session, setup: Setup, args: args::Worker) -> Result<(), Failure> {
    if session.registry.is_empty() {
        return Err(Failure::usage(
            "this program has no tasks of its own, so that there is nothing that a worker could run: make it part of \
             yours, with the crate `sidetask-cli` and\n\n    fn main() -> std::process::ExitCode {\n        \
             sidetask_cli::run(sidetask::Registry::discovered())\n    }\n\nor see tasks run by `sidetask dev`",
        ));
    }
    let mut stop = Stop::listen()?;
    let listen = args.listen.or(session.settings.file.listen);
    if listen.is_some() {
        record();
    }
    // From the start of the worker on it may have jobs, so that what can fail comes before.
    let bound = match listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let client = session.open(Opening::ToWork).await?;
    let queues = queues(session, &args);
    let mut builder = setup.apply(client.worker().registry(session.registry.clone())).await?;
    for (queue, concurrency) in &queues {
        builder = builder.queue(queue, *concurrency);
    }
    let worker = builder.start().await?;
    let probes = bound.map(|bound| bound.serve(Probes::new(client.clone()).worker(worker.clone()).router()));
    started(session, &worker, probes.as_ref());

    let burst = async {
        match args.burst {
            true => burst::over(&client, &worker, &session.registry.kinds()).await,
            false => std::future::pending().await,
        }
    };
    let over = tokio::select! {
        biased;
        signal = stop.asked() => {
            tracing::info!(target: "sidetask", ?signal, "asked to end: waiting for what runs");
            Ok(())
        }
        over = burst => over,
    };
    let limit = args.shutdown_timeout.or(session.settings.file.shutdown_timeout).unwrap_or(SHUTDOWN);
    let ended = end(&client, &worker, limit, &mut stop).await;
    over.and(ended)
}

/// Has what is counted kept for `/metrics`, from here on.
fn record() {
    // A program may have a recorder of its own, which then serves what it keeps.
    if let Err(error) = sidetask_observe::install() {
        tracing::warn!(target: "sidetask", %error, "/metrics will have nothing to say");
    }
}

/// Drains a worker and closes its store; gives up where a further signal comes meanwhile.
pub(super) async fn end(client: &Client, worker: &Worker, limit: Duration, stop: &mut Stop) -> Result<(), Failure> {
    let ended = async {
        let report = worker.shutdown(limit).await;
        client.close().await?;
        Ok::<_, Failure>(report)
    };
    let report = tokio::select! {
        biased;
        signal = stop.asked() => return Err(Failure::new(
            Exit::Aborted(signal),
            "asked again to end: what runs is left behind, and begins anew when this worker's lease expires",
        )),
        report = ended => report?,
    };
    match report.is_clean() {
        true => Ok(()),
        false => Err(Failure::failed(format!("the worker could not end in time what it ran: {report}"))),
    }
}

/// What the flags say, otherwise the settings file; with nothing said, the worker's own default.
fn queues(session: &Session, args: &args::Worker) -> Vec<(String, usize)> {
    let file = &session.settings.file;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let others = args.concurrency.or(file.concurrency).unwrap_or(2 * cores);
    let queues = if args.queues.is_empty() { &file.queues } else { &args.queues };
    if queues.is_empty() {
        return vec![(sidetask::TaskOptions::DEFAULT_QUEUE.to_owned(), others)];
    }
    queues.iter().map(|queue| (queue.name.clone(), queue.concurrency.unwrap_or(others))).collect()
}

fn started(session: &Session, worker: &Worker, probes: Option<&Serving>) {
    let url = session.settings.url.as_ref().map(|(url, _)| without_secrets(url)).unwrap_or_default();
    let queues = worker.stats().queues;
    let queues: Vec<String> = queues.iter().map(|queue| format!("{}={}", queue.queue, queue.concurrency)).collect();
    tracing::info!(target: "sidetask", worker = %worker.id(), store = url, queues = queues.join(","), "worker started");
    if let Some(Serving { address, .. }) = probes {
        tracing::info!(target: "sidetask", "probes on http://{address}/metrics, /livez and /readyz");
    }
}
