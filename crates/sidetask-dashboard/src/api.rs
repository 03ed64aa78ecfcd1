//! The same for programs, as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use sidetask::{AttemptLog, Counts, Error, Filter, JobId, JobRecord, Page, Timestamp, WorkerRecord};

use crate::actions::apply;
use crate::failure::Failure;
use crate::posted::Asked;
use crate::shared::Shared;

/// Which jobs are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    filter: String,
    limit: Option<usize>,
    after: Option<String>,
}

/// A page of jobs.
#[derive(Serialize)]
pub(crate) struct Jobs {
    jobs: Vec<JobRecord>,
    /// What to give as `after` for the next page; `null` at the end. A page may be short, or empty, before it.
    next: Option<JobId>,
}

pub(crate) async fn jobs(
    State(shared): State<Arc<Shared>>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Jobs>, Failure> {
    let filter = Filter::parse(&wanted.filter)?;
    let mut page = Page::first(wanted.limit.unwrap_or(50));
    if let Some(after) = wanted.after.filter(|after| !after.is_empty()) {
        page = page.after(after.parse().map_err(|error: Error| Failure::bad_request(error.to_string()))?);
    }
    let listed = shared.search(&filter, page).await?;
    Ok(Json(Jobs { jobs: listed.jobs, next: listed.next }))
}

/// A job with what it logged.
#[derive(Serialize)]
pub(crate) struct Whole {
    #[serde(flatten)]
    job: JobRecord,
    logs: Vec<AttemptLog>,
}

pub(crate) async fn job(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Json<Whole>, Failure> {
    let id: JobId = id.parse()?;
    let job = shared.job(id).await?.ok_or_else(|| Error::no_such_job(id))?.job;
    let logs = match shared.client.logs(id).await {
        Err(error) if error.is_unsupported() => Vec::new(),
        logs => logs?,
    };
    Ok(Json(Whole { job, logs }))
}

/// What a job is in after it was changed; before, where it was deleted.
#[derive(Serialize)]
pub(crate) struct Became {
    id: JobId,
    state: sidetask::State,
}

pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Path((id, what)): Path<(String, String)>,
) -> Result<Json<Became>, Failure> {
    let id: JobId = id.parse()?;
    let (_, state) = apply(&shared.client, id, &what).await?;
    Ok(Json(Became { id, state }))
}

/// A queue.
#[derive(Serialize)]
pub(crate) struct Queue {
    queue: String,
    paused: bool,
    counts: Counts,
    oldest_due: Option<Timestamp>,
}

pub(crate) async fn queues(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<Queue>>, Failure> {
    let stats = shared.client.stats().await?;
    let oldest: BTreeMap<String, Timestamp> = match shared.client.oldest_due().await {
        Err(error) if error.is_unsupported() => BTreeMap::new(),
        oldest => oldest?.into_iter().collect(),
    };
    let queues = stats.queues.into_iter().map(|queue| Queue {
        oldest_due: oldest.get(&queue.queue).copied(),
        paused: queue.paused,
        counts: queue.counts,
        queue: queue.queue,
    });
    Ok(Json(queues.collect()))
}

/// All queues together.
#[derive(Serialize)]
pub(crate) struct Numbers {
    now: Timestamp,
    counts: Counts,
}

pub(crate) async fn stats(State(shared): State<Arc<Shared>>) -> Result<Json<Numbers>, Failure> {
    let counts = shared.client.stats().await?.total();
    Ok(Json(Numbers { now: shared.client.clock().now(), counts }))
}

pub(crate) async fn workers(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<WorkerRecord>>, Failure> {
    Ok(Json(shared.client.workers().await?))
}
