use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use sidetask_core::{
    Claimed, Enqueued, Event, JobId, NewJob, Slot, State, Tick, TickVerdict, Timestamp, Token, WorkerId, lifecycle,
};

use super::lane;
use crate::rows;
use crate::unit::{Row, Unit};

/// Whether a new job may go straight to a worker's free slot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandOff {
    Allowed,
    /// In somebody else's transaction, of which nobody here learns whether it is committed.
    Never,
}

pub(crate) fn enqueue(unit: &mut Unit<'_>, jobs: &[NewJob], hand_off: HandOff) -> rusqlite::Result<Vec<Enqueued>> {
    let enqueue = |job: &NewJob| match &job.tick {
        Some(tick) => enqueue_tick(unit, tick, job, hand_off),
        None => enqueue_one(unit, job, hand_off),
    };
    jobs.iter().map(enqueue).collect()
}

/// Stores the job of a tick, where the schedule is not that far already.
fn enqueue_tick(unit: &mut Unit<'_>, tick: &Tick, job: &NewJob, hand_off: HandOff) -> rusqlite::Result<Enqueued> {
    let last = unit
        .statement("SELECT last_tick, job FROM sidetask_schedules WHERE name = ?1")?
        .query_row(params![tick.schedule], |row| Ok((Timestamp::from_micros(row.get(0)?), rows::job_id(row, 1)?)))
        .optional()?;
    let answer = match tick.verdict(last) {
        TickVerdict::Taken(id) => return Ok(Enqueued { id, existed: true }),
        TickVerdict::OnlyRecord => Enqueued { id: JobId::NIL, existed: true },
        TickVerdict::Store => enqueue_one(unit, job, hand_off)?,
    };
    unit.statement(
        "INSERT INTO sidetask_schedules (name, last_tick, job) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET last_tick = excluded.last_tick, job = excluded.job",
    )?
    .execute(params![tick.schedule, tick.at.as_micros(), answer.id.as_bytes()])?;
    Ok(answer)
}

fn enqueue_one(unit: &mut Unit<'_>, job: &NewJob, hand_off: HandOff) -> rusqlite::Result<Enqueued> {
    if let Some(id) = existing(unit, job)? {
        return Ok(Enqueued { id, existed: true });
    }
    let (run_at, later) = job.when.due(unit.now);
    let held = job.lane.as_ref().map(|lane| lane::enter(unit, lane)).transpose()?.flatten();
    let id = job.id.unwrap_or_else(|| unit.ids.job(unit.now));
    let waits = lifecycle::waits(held.is_some(), later);
    let slot = match hand_off {
        HandOff::Allowed if waits == State::Available => unit.reserve(&job.queue, &job.kind)?,
        _ => None,
    };
    let state = if slot.is_some() { State::Running } else { waits };
    insert(unit, id, job, run_at, state, held, slot.as_ref().map(|(worker, _)| *worker))?;
    unit.moved(&job.queue, None, Some(state));
    unit.detail(|| Event::Enqueued { id, kind: Arc::from(&*job.kind), queue: Arc::from(&*job.queue), state });
    if let Some((worker, slot)) = slot {
        let row = Row {
            seq: unit.conn.last_insert_rowid(),
            queue: unit.name(&job.queue),
            lane: job.lane.as_ref().map(|lane| Arc::from(&*lane.name)),
            due: run_at,
            begun: unit.now,
        };
        unit.remember(id, row);
        hand(unit, id, job, run_at, worker, slot);
    }
    Ok(Enqueued { id, existed: false })
}

/// Asks the file only for what the job has: one without id and key costs nothing here.
fn existing(unit: &Unit<'_>, job: &NewJob) -> rusqlite::Result<Option<JobId>> {
    if let Some(id) = job.id
        && unit.statement("SELECT 1 FROM sidetask_jobs WHERE id = ?1")?.exists(params![id.as_bytes()])?
    {
        return Ok(Some(id));
    }
    let Some(key) = &job.key else { return Ok(None) };
    unit.statement("SELECT id FROM sidetask_jobs WHERE kind = ?1 AND key = ?2")?
        .query_row(params![job.kind, key], |row| rows::job_id(row, 0))
        .optional()
}

fn insert(
    unit: &Unit<'_>,
    id: JobId,
    job: &NewJob,
    run_at: Timestamp,
    state: State,
    held: Option<i64>,
    worker: Option<WorkerId>,
) -> rusqlite::Result<()> {
    let used = u32::from(worker.is_some());
    let attempted_at = worker.map(|_| unit.now.as_micros());
    unit.statement(
        "INSERT INTO sidetask_jobs
             (id, state, priority, run_at, attempt, max_attempts, fence, worker, queue, kind, timeout, created_at,
              attempted_at, key, args, lane, width, held, trace)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?
    .execute(params![
        id.as_bytes(),
        state.code(),
        job.priority,
        run_at.as_micros(),
        used,
        job.max_attempts,
        worker.as_ref().map(WorkerId::as_bytes),
        job.queue,
        job.kind,
        job.timeout.map(|timeout| i64::try_from(timeout.as_micros()).unwrap_or(i64::MAX)),
        unit.now.as_micros(),
        attempted_at,
        job.key,
        job.args.as_str(),
        job.lane.as_ref().map(|lane| &*lane.name),
        job.lane.as_ref().map(|lane| lane.width),
        held,
        job.trace.map(|trace| trace.to_string()),
    ])?;
    Ok(())
}

fn hand(unit: &mut Unit<'_>, id: JobId, job: &NewJob, run_at: Timestamp, worker: WorkerId, slot: Slot) {
    let claimed = Claimed {
        token: Token { job: id, attempt: 1, fence: 1, worker },
        kind: Arc::from(&*job.kind),
        queue: unit.name(&job.queue),
        args: job.args.clone(),
        max_attempts: job.max_attempts,
        timeout: job.timeout,
        run_at,
        trace: job.trace,
    };
    unit.detail(|| Event::Claimed { token: claimed.token });
    unit.hand(slot, claimed);
}
