use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use sidetask_core::lifecycle::{self, Cancellation};
use sidetask_core::{Change, Event, JobId, Json, Lane, State};

use super::{lane, logs};
use crate::rows;
use crate::unit::Unit;

pub(crate) fn change(unit: &mut Unit<'_>, ids: &[JobId], change: &Change) -> rusqlite::Result<Vec<Option<State>>> {
    ids.iter()
        .map(|id| {
            let Some(job) = find(unit, *id)? else { return Ok(None) };
            match change {
                Change::Cancel => cancel(unit, &job).map(Some),
                Change::Retry => retry(unit, &job).map(Some),
                Change::Reschedule(wait) => reschedule(unit, &job, *wait).map(Some),
                Change::Delete { only_ended } => delete(unit, &job, *only_ended).map(Some),
                Change::Rewrite { args, fence, from } => rewrite(unit, &job, args, *fence, from),
            }
        })
        .collect()
}

struct Row {
    seq: i64,
    id: JobId,
    queue: String,
    state: State,
    attempt: u32,
    max_attempts: u32,
    lane: Option<Lane>,
    /// Its place among those held in its lane.
    held: Option<i64>,
    fence: u64,
}

fn find(unit: &Unit<'_>, id: JobId) -> rusqlite::Result<Option<Row>> {
    unit.statement(
        "SELECT seq, queue, state, attempt, max_attempts, lane, width, held, fence FROM sidetask_jobs WHERE id = ?1",
    )?
    .query_row(params![id.as_bytes()], |row| {
        Ok(Row {
            seq: row.get(0)?,
            id,
            queue: rows::text(row, 1)?,
            state: rows::state(row, 2)?,
            attempt: rows::number(row, 3)?,
            max_attempts: rows::number(row, 4)?,
            lane: rows::lane(row, 5)?,
            held: row.get(7)?,
            fence: rows::fence(row, 8)?,
        })
    })
    .optional()
}

fn cancel(unit: &mut Unit<'_>, job: &Row) -> rusqlite::Result<State> {
    let id = job.id;
    Ok(match lifecycle::cancel(job.state) {
        Cancellation::Now => {
            unit.statement("UPDATE sidetask_jobs SET state = 5, held = NULL, finished_at = ?2 WHERE seq = ?1")?
                .execute(params![job.seq, unit.now.as_micros()])?;
            unit.moved(&job.queue, Some(job.state), Some(State::Cancelled));
            unit.event(Event::Finished { id, state: State::Cancelled });
            by_hand(unit, id, Some(State::Cancelled));
            if let Some(lane) = &job.lane {
                lane::let_in(unit, &lane.name)?;
            }
            State::Cancelled
        }
        Cancellation::Request => {
            unit.statement("UPDATE sidetask_jobs SET cancel_requested = 1 WHERE seq = ?1")?
                .execute(params![job.seq])?;
            unit.event(Event::CancelRequested { id });
            by_hand(unit, id, Some(job.state));
            job.state
        }
        _ => job.state,
    })
}

fn retry(unit: &mut Unit<'_>, job: &Row) -> rusqlite::Result<State> {
    let Some(max_attempts) = lifecycle::retry(job.state, job.attempt, job.max_attempts) else {
        return Ok(job.state);
    };
    let held = match &job.lane {
        Some(lane) if job.state.is_final() => lane::enter(unit, lane)?,
        _ => job.held,
    };
    let state = lifecycle::waits(held.is_some(), false);
    unit.statement(
        "UPDATE sidetask_jobs
         SET state = ?2, held = ?3, max_attempts = ?4, run_at = ?5, finished_at = NULL, cancel_requested = 0
         WHERE seq = ?1",
    )?
    .execute(params![job.seq, state.code(), held, max_attempts, unit.now.as_micros()])?;
    unit.moved(&job.queue, Some(job.state), Some(state));
    by_hand(unit, job.id, Some(state));
    Ok(state)
}

fn reschedule(unit: &mut Unit<'_>, job: &Row, wait: Duration) -> rusqlite::Result<State> {
    let Some(state) = lifecycle::reschedule(job.state, job.held.is_some(), wait) else { return Ok(job.state) };
    unit.statement("UPDATE sidetask_jobs SET state = ?2, run_at = ?3 WHERE seq = ?1")?.execute(params![
        job.seq,
        state.code(),
        unit.now.after(wait).as_micros()
    ])?;
    unit.moved(&job.queue, Some(job.state), Some(state));
    by_hand(unit, job.id, Some(state));
    Ok(state)
}

fn delete(unit: &mut Unit<'_>, job: &Row, only_ended: bool) -> rusqlite::Result<State> {
    if !lifecycle::delete(job.state, only_ended) {
        return Ok(job.state);
    }
    unit.statement("DELETE FROM sidetask_jobs WHERE seq = ?1")?.execute(params![job.seq])?;
    logs::forget(unit, [job.id])?;
    unit.moved(&job.queue, Some(job.state), None);
    unit.event(Event::Settled);
    by_hand(unit, job.id, None);
    if let Some(lane) = job.lane.as_ref().filter(|_| !job.state.is_final()) {
        lane::let_in(unit, &lane.name)?;
    }
    Ok(job.state)
}

fn rewrite(unit: &mut Unit<'_>, job: &Row, args: &Json, fence: u64, from: &Json) -> rusqlite::Result<Option<State>> {
    if job.state == State::Running || job.fence != fence {
        return Ok(None);
    }
    let rewritten = unit
        .statement("UPDATE sidetask_jobs SET args = ?2 WHERE seq = ?1 AND args = ?3")?
        .execute(params![job.seq, args.as_str(), from.as_str()])?;
    if rewritten == 0 {
        return Ok(None);
    }
    if job.state == State::Available {
        by_hand(unit, job.id, Some(job.state));
    }
    retry(unit, job).map(Some)
}

fn by_hand(unit: &mut Unit<'_>, id: JobId, state: Option<State>) {
    unit.detail(|| Event::ByHand { id, state });
}
