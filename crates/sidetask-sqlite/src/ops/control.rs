use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use sidetask_core::lifecycle::{self, Cancellation};
use sidetask_core::{Change, Event, JobId, Lane, Promoted, Purge, State, Timestamp};

use super::lane;
use crate::rows;
use crate::unit::Unit;

pub(crate) fn change(unit: &mut Unit<'_>, ids: &[JobId], change: &Change) -> rusqlite::Result<Vec<Option<State>>> {
    ids.iter()
        .map(|id| {
            let Some(job) = find(unit, *id)? else { return Ok(None) };
            let state = match change {
                Change::Cancel => cancel(unit, *id, &job),
                Change::Retry => retry(unit, &job),
                Change::Reschedule(wait) => reschedule(unit, &job, *wait),
                Change::Delete | Change::Rewrite { .. } => Ok(job.state),
            };
            state.map(Some)
        })
        .collect()
}

struct Row {
    seq: i64,
    queue: String,
    state: State,
    attempt: u32,
    max_attempts: u32,
    lane: Option<Lane>,
    /// Its place among those held in its lane.
    held: Option<i64>,
}

fn find(unit: &Unit<'_>, id: JobId) -> rusqlite::Result<Option<Row>> {
    unit.statement(
        "SELECT seq, queue, state, attempt, max_attempts, lane, width, held FROM sidetask_jobs WHERE id = ?1",
    )?
    .query_row(params![id.as_bytes()], |row| {
        Ok(Row {
            seq: row.get(0)?,
            queue: rows::text(row, 1)?,
            state: rows::state(row, 2)?,
            attempt: rows::number(row, 3)?,
            max_attempts: rows::number(row, 4)?,
            lane: rows::lane(row, 5)?,
            held: row.get(7)?,
        })
    })
    .optional()
}

fn cancel(unit: &mut Unit<'_>, id: JobId, job: &Row) -> rusqlite::Result<State> {
    Ok(match lifecycle::cancel(job.state) {
        Cancellation::Now => {
            unit.statement("UPDATE sidetask_jobs SET state = 5, held = NULL, finished_at = ?2 WHERE seq = ?1")?
                .execute(params![job.seq, unit.now.as_micros()])?;
            unit.moved(&job.queue, Some(job.state), Some(State::Cancelled));
            unit.event(Event::Finished { id, state: State::Cancelled });
            if let Some(lane) = &job.lane {
                lane::let_in(unit, &lane.name)?;
            }
            State::Cancelled
        }
        Cancellation::Request => {
            unit.statement("UPDATE sidetask_jobs SET cancel_requested = 1 WHERE seq = ?1")?
                .execute(params![job.seq])?;
            unit.event(Event::CancelRequested { id });
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
    Ok(state)
}

pub(crate) fn pause(unit: &mut Unit<'_>, queue: &str, paused: bool) -> rusqlite::Result<()> {
    unit.statement(
        "INSERT INTO sidetask_queues (name, paused) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET paused = excluded.paused",
    )?
    .execute(params![queue, paused])?;
    if !paused {
        let queue = unit.name(queue);
        unit.event(Event::Available { queue });
    }
    Ok(())
}

pub(crate) fn promote(unit: &mut Unit<'_>, limit: usize) -> rusqlite::Result<Promoted> {
    let now = unit.now.as_micros();
    let due: Vec<(i64, String, State)> = unit
        .statement(
            "SELECT seq, queue, state FROM sidetask_jobs WHERE state IN (0, 3) AND held IS NULL AND run_at <= ?1
             ORDER BY run_at, seq LIMIT ?2",
        )?
        .query_map(params![now, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, rows::text(row, 1)?, rows::state(row, 2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (seq, queue, state) in &due {
        unit.statement("UPDATE sidetask_jobs SET state = 1 WHERE seq = ?1")?.execute(params![seq])?;
        unit.moved(queue, Some(*state), Some(State::Available));
    }
    let next: Option<i64> = unit
        .statement(
            "SELECT run_at FROM sidetask_jobs WHERE state IN (0, 3) AND held IS NULL ORDER BY run_at, seq LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(Promoted { moved: due.len(), next_in: next.map(|due| Timestamp::from_micros(due).since(unit.now)) })
}

pub(crate) fn purge(unit: &mut Unit<'_>, purge: Purge) -> rusqlite::Result<usize> {
    if !purge.state.is_final() {
        return Ok(0);
    }
    // The first condition is in the index's own words, so that SQLite uses it.
    let purged: Vec<String> = unit
        .statement(
            "DELETE FROM sidetask_jobs WHERE seq IN (
                 SELECT seq FROM sidetask_jobs
                 WHERE state >= 4 AND state = ?1 AND finished_at <= ?2 ORDER BY finished_at LIMIT ?3)
             RETURNING queue",
        )?
        .query_map(
            params![
                purge.state.code(),
                unit.now.before(purge.older_than).as_micros(),
                i64::try_from(purge.limit).unwrap_or(i64::MAX)
            ],
            |row| rows::text(row, 0),
        )?
        .collect::<rusqlite::Result<_>>()?;
    for queue in &purged {
        unit.moved(queue, Some(purge.state), None);
    }
    Ok(purged.len())
}
