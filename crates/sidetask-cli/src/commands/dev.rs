//! A working system to look at.

use std::sync::Arc;

use sidetask::Client;
use sidetask_dashboard::Dashboard;
use tempfile::TempDir;

use super::dashboard::closed;
use super::serve::bind;
use super::stop::Stop;
use super::worker;
use crate::app::{Looks, Setup};
use crate::args::Dev;
use crate::exit::{Failure, say};
use crate::session::Session;
use crate::settings::{Source, without_secrets};

mod demo;

/// How long what runs may take to end: nobody waits for a demonstration.
const SHUTDOWN: std::time::Duration = std::time::Duration::from_secs(2);

pub(super) async fn run(session: &Session, setup: Setup, looks: Looks, dev: Dev) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let bound = bind(dev.listen).await?;
    let (client, temporary) = open(session).await?;
    let mut registry = session.registry.clone();
    if !dev.no_demo {
        demo::register(&mut registry);
    }
    if registry.is_empty() {
        return Err(Failure::usage("--no-demo leaves nothing to run: this program has no tasks of its own"));
    }
    let mut queues = vec!["default".to_owned()];
    queues.extend(registry.iter().map(|task| task.options().queue.clone().into_owned()));
    queues.sort();
    queues.dedup();
    let mut builder = setup.apply(client.worker().registry(registry)).await?;
    for queue in queues {
        builder = builder.queue(queue, demo::CONCURRENCY);
    }
    // For a loopback address a password would only be in the way; elsewhere one is made up.
    let dashboard = looks.apply(Dashboard::new(client.clone()));
    let dashboard = if dev.listen.ip().is_loopback() { dashboard.open() } else { closed(dashboard)? };
    let worker = builder.start().await?;
    let serving = bound.serve(dashboard.router());
    let url = format!("http://{}/", serving.address);
    let shown = session.out.value(&url, |_| format!("{url}\n"));
    if shown.is_ok() {
        say("Ctrl-C ends it.");
        let making = async {
            match dev.no_demo {
                true => std::future::pending().await,
                false => demo::keep_enqueuing(&client).await,
            }
        };
        tokio::select! {
            biased;
            _ = stop.asked() => {}
            () = making => {}
        }
    }
    drop(serving);
    let ended = worker::end(&client, &worker, SHUTDOWN, &mut stop).await;
    if let Some(dir) = temporary {
        let path = dir.path().display().to_string();
        dir.close().map_err(|error| Failure::failed(format!("{path} could not be removed")).because(error))?;
    }
    match ended {
        // What was still running is of no use to anybody.
        Err(failure) if failure.exit == crate::exit::Exit::Failed => {}
        ended => ended?,
    }
    Ok(shown?)
}

/// The store that a flag names. Demonstrations do not belong into one that is only the usual one here: otherwise a new
/// file, in a directory that goes when it is dropped.
async fn open(session: &Session) -> Result<(Client, Option<TempDir>), Failure> {
    if let Some((url, Source::Flag)) = &session.settings.url {
        tracing::info!(target: "sidetask", store = without_secrets(url), "opened");
        return Ok((sidetask::connect(url).await?, None));
    }
    let dir = tempfile::Builder::new()
        .prefix("sidetask-dev-")
        .tempdir()
        .map_err(|error| Failure::failed("no temporary directory could be made").because(error))?;
    let store = temporary(dir.path()).await?;
    tracing::info!(target: "sidetask", directory = %dir.path().display(), "a temporary database");
    Ok((store, Some(dir)))
}

#[cfg(feature = "sqlite")]
async fn temporary(dir: &std::path::Path) -> Result<Client, Failure> {
    Ok(Client::new(Arc::new(sidetask::sqlite::SqliteStore::open(dir.join("dev.db")).await?)))
}

#[cfg(not(feature = "sqlite"))]
async fn temporary(_: &std::path::Path) -> Result<Client, Failure> {
    Ok(Client::new(Arc::new(sidetask::MemoryStore::new())))
}
