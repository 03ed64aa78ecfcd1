//! Between rows and records. A damaged value reads as the nearest thing that a record can hold: nothing here fails
//! because of what is stored, so that one bad row never hides the others.

use std::time::Duration;

use rusqlite::Row;
use rusqlite::types::ValueRef;
use sidetask_core::{AttemptError, JobId, JobRecord, Json, Lane, Progress, State, Timestamp, TraceParent, WorkerId};

/// The columns that [`record`] reads, in its order.
pub(crate) const COLUMNS: &str = "id, kind, queue, state, attempt, max_attempts, priority, args, output, progress, \
     errors, key, cancel_requested, worker, created_at, run_at, attempted_at, finished_at, lane, width, held, fence, \
     timeout, trace";

pub(crate) fn record(row: &Row<'_>) -> rusqlite::Result<JobRecord> {
    let time = |at: usize| row.get::<_, Option<i64>>(at).map(|time| time.map(Timestamp::from_micros));
    let created_at = time(14)?.unwrap_or(Timestamp::from_micros(0));
    let args = Json::from_stored(text(row, 7)?);
    let mut job = JobRecord::new(job_id(row, 0)?, text(row, 1)?, text(row, 2)?, args, state(row, 3)?, created_at);
    job.attempt = number(row, 4)?;
    job.max_attempts = number(row, 5)?;
    job.priority = i16::try_from(row.get::<_, i64>(6)?).unwrap_or(i16::MAX);
    job.output = optional_text(row, 8)?.map(Json::from_stored);
    job.progress = optional_text(row, 9)?.and_then(|text| decode_progress(&text));
    job.errors = optional_text(row, 10)?.as_deref().map(AttemptError::decode).unwrap_or_default();
    job.key = optional_text(row, 11)?;
    job.cancel_requested = row.get(12)?;
    job.worker = worker_id(row, 13)?;
    job.run_at = time(15)?.unwrap_or(created_at);
    job.attempted_at = time(16)?;
    job.finished_at = time(17)?;
    job.lane = lane(row, 18)?;
    job.held = job.state == State::Scheduled && row.get_ref(20)? != ValueRef::Null;
    job.fence = fence(row, 21)?;
    job.timeout = timeout(row, 22)?;
    job.trace = trace(row, 23)?;
    Ok(job)
}

pub(crate) fn job_id(row: &Row<'_>, at: usize) -> rusqlite::Result<JobId> {
    Ok(JobId::from_bytes(bytes(row, at)?.unwrap_or_default()))
}

pub(crate) fn worker_id(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<WorkerId>> {
    Ok(bytes(row, at)?.map(WorkerId::from_bytes))
}

fn bytes(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<[u8; 16]>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Blob(bytes) => bytes.try_into().ok(),
        _ => None,
    })
}

/// A lane, of which the width stands in the next column.
pub(crate) fn lane(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Lane>> {
    let Some(name) = optional_text(row, at)? else { return Ok(None) };
    Ok(Some(Lane { name: name.into(), width: width(row, at + 1)? }))
}

pub(crate) fn width(row: &Row<'_>, at: usize) -> rusqlite::Result<u32> {
    Ok(row.get::<_, Option<i64>>(at)?.and_then(|width| u32::try_from(width).ok()).unwrap_or(1))
}

/// An unknown code is of a newer version: such a job is left alone, as one that has ended.
pub(crate) fn state(row: &Row<'_>, at: usize) -> rusqlite::Result<State> {
    let code = row.get::<_, i64>(at)?;
    Ok(u8::try_from(code).ok().and_then(State::from_code).unwrap_or(State::Discarded))
}

/// A number that is never negative and may be too large.
pub(crate) fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u32> {
    Ok(u32::try_from(row.get::<_, i64>(at)?.max(0)).unwrap_or(u32::MAX))
}

pub(crate) fn fence(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)?.unsigned_abs())
}

pub(crate) fn timeout(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Duration>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(|micros| Duration::from_micros(micros.unsigned_abs())))
}

/// A time that is never negative.
pub(crate) fn micros(row: &Row<'_>, at: usize) -> rusqlite::Result<Duration> {
    Ok(Duration::from_micros(count(row, at)?))
}

pub(crate) fn count(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)?.max(0).unsigned_abs())
}

pub(crate) fn trace(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<TraceParent>> {
    Ok(optional_text(row, at)?.and_then(|text| text.parse().ok()))
}

pub(crate) fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<String> {
    Ok(optional_text(row, at)?.unwrap_or_default())
}

pub(crate) fn optional_text(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    })
}

fn decode_progress(text: &str) -> Option<Progress> {
    serde_json::from_str(text).ok()
}
