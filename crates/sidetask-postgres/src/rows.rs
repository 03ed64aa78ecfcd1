//! Between rows and records. A damaged value reads as the nearest thing that a record can hold: nothing here fails
//! because of what is stored, so that one bad row never hides the others.

use std::borrow::Cow;
use std::time::Duration;

use sidetask_core::{AttemptError, JobId, JobRecord, Json, Lane, Progress, State, Timestamp, TraceParent, WorkerId};
use tokio_postgres::Row;
use uuid::Uuid;

pub(crate) fn job_id(id: Uuid) -> JobId {
    JobId::from_bytes(id.into_bytes())
}

pub(crate) fn worker_id(id: Uuid) -> WorkerId {
    WorkerId::from_bytes(id.into_bytes())
}

pub(crate) fn job_uuid(id: &JobId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(crate) fn worker_uuid(id: &WorkerId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// An unknown code is of a newer version: such a job is left alone, as one that has ended.
pub(crate) fn state(code: i16) -> State {
    u8::try_from(code).ok().and_then(State::from_code).unwrap_or(State::Discarded)
}

pub(crate) fn code(state: State) -> i16 {
    i16::from(state.code())
}

/// A number that is never negative and may be too large.
pub(crate) fn number(stored: i64) -> u32 {
    u32::try_from(stored.max(0)).unwrap_or(u32::MAX)
}

pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn fence(stored: i64) -> u64 {
    stored.unsigned_abs()
}

pub(crate) fn timeout(stored: i64) -> Duration {
    Duration::from_micros(stored.unsigned_abs())
}

/// None where it is damaged.
pub(crate) fn trace(stored: &str) -> Option<TraceParent> {
    stored.parse().ok()
}

/// How many columns [`record`] reads.
pub(crate) const RECORD: usize = 24;

/// The columns that [`record`] reads, of `{s}.jobs`.
macro_rules! live {
    () => {
        "id, kind, queue, state, attempt, max_attempts, priority, args, output, progress, errors, key, cancel_requested,
         worker, created_at, run_at, attempted_at, NULL::bigint AS finished_at, lane, lane_width, held, fence, timeout, trace"
    };
}

/// The same of `{s}.history`.
macro_rules! ended {
    () => {
        "id, kind, queue, state, attempt, max_attempts, priority, args, output, progress, errors, key, cancel_requested,
         NULL::uuid AS worker, created_at, run_at, attempted_at, finished_at, lane, lane_width, false AS held, fence,
         timeout, trace"
    };
}

pub(crate) use {ended, live};

pub(crate) fn record(row: &Row) -> Result<JobRecord, tokio_postgres::Error> {
    let time = |at: usize| row.try_get::<_, Option<i64>>(at).map(|time| time.map(Timestamp::from_micros));
    let id = job_id(row.try_get(0)?);
    let created_at = time(14)?.unwrap_or(Timestamp::from_micros(0));
    let args = Json::from_stored(row.try_get::<_, String>(7)?);
    let mut job = JobRecord::new(id, row.try_get(1)?, row.try_get(2)?, args, state(row.try_get(3)?), created_at);
    job.attempt = number(row.try_get(4)?);
    job.max_attempts = number(row.try_get(5)?);
    job.priority = row.try_get(6)?;
    job.output = row.try_get::<_, Option<String>>(8)?.map(Json::from_stored);
    job.progress = row.try_get::<_, Option<&str>>(9)?.and_then(|text| serde_json::from_str::<Progress>(text).ok());
    job.errors = row.try_get::<_, Option<&str>>(10)?.map(AttemptError::decode).unwrap_or_default();
    job.key = row.try_get(11)?;
    job.cancel_requested = row.try_get(12)?;
    job.worker = row.try_get::<_, Option<Uuid>>(13)?.map(worker_id);
    job.run_at = time(15)?.unwrap_or(created_at);
    job.attempted_at = time(16)?;
    job.finished_at = time(17)?;
    job.lane = lane(row.try_get(18)?, row.try_get(19)?);
    job.held = row.try_get(20)?;
    job.fence = fence(row.try_get(21)?);
    job.timeout = row.try_get::<_, Option<i64>>(22)?.map(timeout);
    job.trace = row.try_get::<_, Option<&str>>(23)?.and_then(trace);
    Ok(job)
}

/// The lane whose name and width are in these columns.
pub(crate) fn lane(name: Option<String>, width: Option<i64>) -> Option<Lane> {
    name.map(|name| Lane { name: Cow::Owned(name), width: width.map_or(1, number) })
}
