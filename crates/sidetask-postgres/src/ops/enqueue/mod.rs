//! Storing jobs: by the shortest way that keeps what each of them asks for.

mod bulk;
mod careful;
mod columns;
mod gather;
mod named;
mod plain;
mod tell;

use std::sync::Arc;

use sidetask_core::{Enqueued, Error, JobId, NewJob};

pub(crate) use self::gather::{Gather, Way};
use crate::database::Work;
use crate::error::Fault;
use crate::news::News;
use crate::store::Inner;

/// From how many jobs on a call copies them in by itself.
const BULK: usize = 256;

pub(crate) async fn enqueue(inner: &Arc<Inner>, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Fault> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    jobs.iter().try_for_each(check)?;
    let is_plain = |job: &NewJob| is_alone(job) && job.id.is_none() && job.key.is_none();
    let is_named = |job: &NewJob| is_alone(job) && job.id.is_some() != job.key.is_some();
    match &*jobs {
        all if all.iter().all(is_plain) && all.len() >= BULK => bulk::enqueue(inner, jobs).await,
        all if all.iter().all(is_plain) => Ok(inner.plain.ask(inner, jobs).await?),
        [job] if is_named(job) => Ok(inner.named.ask(inner, jobs).await?),
        _ => careful::enqueue(inner, &jobs).await,
    }
}

/// Stores jobs in a transaction that is there. What it changes is for others to be told.
pub(crate) async fn store_in(work: &Work<'_>, inner: &Inner, jobs: &[NewJob]) -> Result<(Vec<Enqueued>, News), Fault> {
    jobs.iter().try_for_each(check)?;
    careful::store(work, &careful::Call { inner, jobs }).await
}

/// Whether what becomes of a job has nothing to do with others but by its names.
fn is_alone(job: &NewJob) -> bool {
    job.lane.is_none() && job.tick.is_none()
}

/// PostgreSQL keeps no NUL in text.
fn check(job: &NewJob) -> Result<(), Error> {
    let texts = [
        ("kind", Some(&*job.kind)),
        ("queue", Some(&*job.queue)),
        ("arguments", Some(job.args.as_str())),
        ("key", job.key.as_deref()),
        ("lane", job.lane.as_ref().map(|lane| &*lane.name)),
        ("schedule", job.tick.as_ref().map(|tick| &*tick.schedule)),
    ];
    match texts.iter().find(|(_, text)| text.is_some_and(|text| text.as_bytes().contains(&0))) {
        None => Ok(()),
        Some((what, _)) => Err(Error::storage(
            format!("cannot enqueue a `{}` job: leave the NUL character out of its {what}", job.kind.escape_debug()),
            "PostgreSQL keeps no NUL character in text",
        )),
    }
}

/// The ids of new jobs, made here where they were not given.
fn ids(inner: &Inner, jobs: &[&NewJob]) -> Vec<JobId> {
    let now = inner.clock.now();
    jobs.iter().map(|job| job.id.unwrap_or_else(|| inner.ids.job(now))).collect()
}
