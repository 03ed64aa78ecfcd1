//! From an item to the record of its job.

use sidetask::{AttemptError, JobId, JobRecord, Json, State, Timestamp};

use super::item::{Attributes, Item, Stage, Unreadable};
use crate::payload::Stored;

/// A job as it is read, and where its output is if that is elsewhere.
pub(super) fn record(
    id: JobId,
    attributes: &Attributes,
    now: Timestamp,
) -> Result<(JobRecord, Option<Stored>), Unreadable> {
    let item = Item(attributes);
    let stage = item.stage()?;
    let kind = item.text("kind")?.ok_or(Unreadable("kind"))?;
    let created_at = item.time("created_at")?.ok_or(Unreadable("created_at"))?;
    let queue = item.text("queue")?.unwrap_or("default");
    let mut job = JobRecord::new(id, kind.to_owned(), queue.to_owned(), nothing(), State::Available, created_at);
    job.attempt = item.number("attempt")?.ok_or(Unreadable("attempt"))?;
    job.max_attempts = item.number("max_attempts")?.ok_or(Unreadable("max_attempts"))?;
    job.progress = item.progress()?;
    job.errors = item.errors()?;
    job.key = item.text("key")?.map(ToOwned::to_owned);
    job.run_at = item.time("run_at")?.unwrap_or(created_at);
    job.attempted_at = item.time("attempted_at")?;
    job.finished_at = item.time("finished_at")?;
    job.state = match stage {
        Stage::Queued => waiting(&job, now),
        Stage::Running => State::Running,
        Stage::Completed => State::Completed,
        Stage::Failed => match item.text("failed_as")? {
            Some("discarded") => State::Discarded,
            Some("cancelled") => State::Cancelled,
            _ => return Err(Unreadable("failed_as")),
        },
    };
    job.output = item.text("output")?.map(Json::from_stored);
    let stored = item.stored()?;
    if job.state == State::Completed && job.output.is_none() && stored.is_none() {
        return Err(Unreadable("output"));
    }
    Ok((job, stored))
}

/// The record of a job that cannot be read: so that whoever waits for it learns why, and is not left waiting.
pub(super) fn damaged(id: JobId, attributes: &Attributes, why: impl Into<String>) -> JobRecord {
    let item = Item(attributes);
    let text = |name| item.text(name).ok().flatten().unwrap_or_default().to_owned();
    let created_at = item.time("created_at").ok().flatten().unwrap_or(Timestamp::from_micros(0));
    let attempt = item.number("attempt").ok().flatten().unwrap_or_default();
    let mut job = JobRecord::new(id, text("kind"), text("queue"), nothing(), State::Discarded, created_at);
    job.attempt = attempt;
    job.errors = vec![AttemptError::new(attempt, created_at, why)];
    job
}

fn waiting(job: &JobRecord, now: Timestamp) -> State {
    let last_failed = job.errors.last().is_some_and(|error| error.attempt == job.attempt);
    if job.attempt > 0 && last_failed {
        State::Retryable
    } else if job.run_at > now {
        State::Scheduled
    } else {
        State::Available
    }
}

fn nothing() -> Json {
    Json::from_stored("null")
}
