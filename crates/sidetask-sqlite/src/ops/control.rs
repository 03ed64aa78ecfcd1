use std::sync::Arc;

use rusqlite::params;
use sidetask_core::{Event, JobId, Promoted, Purge, State, Timestamp};

use super::{activity, logs};
use crate::rows;
use crate::unit::Unit;

pub(crate) fn pause(unit: &mut Unit<'_>, queue: &str, paused: bool) -> rusqlite::Result<()> {
    unit.statement(
        "INSERT INTO sidetask_queues (name, paused) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET paused = excluded.paused",
    )?
    .execute(params![queue, paused])?;
    let queue = unit.name(queue);
    unit.detail(|| Event::Paused { queue: Arc::clone(&queue), paused });
    if !paused {
        unit.event(Event::Available { queue });
    }
    Ok(())
}

pub(crate) fn promote(unit: &mut Unit<'_>, limit: usize) -> rusqlite::Result<Promoted> {
    let now = unit.now.as_micros();
    let due: Vec<(i64, String, State)> = unit
        .statement(
            // The first condition of each is in the index's own words, so that SQLite uses it.
            "SELECT * FROM (
                 SELECT seq, queue, state, run_at FROM sidetask_jobs
                 WHERE state IN (0, 3) AND held IS NULL AND state = 0 AND run_at <= ?1 ORDER BY run_at, seq LIMIT ?2)
             UNION ALL
             SELECT * FROM (
                 SELECT seq, queue, state, run_at FROM sidetask_jobs
                 WHERE state IN (0, 3) AND held IS NULL AND state = 3 AND run_at <= ?1 ORDER BY run_at, seq LIMIT ?2)
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
            "SELECT min(run_at) FROM (
                 SELECT min(run_at) AS run_at FROM sidetask_jobs WHERE state IN (0, 3) AND held IS NULL AND state = 0
                 UNION ALL
                 SELECT min(run_at) FROM sidetask_jobs WHERE state IN (0, 3) AND held IS NULL AND state = 3)",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(Promoted { moved: due.len(), next_in: next.map(|due| Timestamp::from_micros(due).since(unit.now)) })
}

pub(crate) fn purge(unit: &mut Unit<'_>, purge: Purge) -> rusqlite::Result<usize> {
    activity::forget_old(unit)?;
    if !purge.state.is_final() {
        return Ok(0);
    }
    // The first condition is in the index's own words, so that SQLite uses it.
    let purged: Vec<(String, JobId)> = unit
        .statement(
            "DELETE FROM sidetask_jobs WHERE seq IN (
                 SELECT seq FROM sidetask_jobs
                 WHERE state >= 4 AND state = ?1 AND finished_at <= ?2 ORDER BY finished_at LIMIT ?3)
             RETURNING queue, id",
        )?
        .query_map(
            params![
                purge.state.code(),
                unit.now.before(purge.older_than).as_micros(),
                i64::try_from(purge.limit).unwrap_or(i64::MAX)
            ],
            |row| Ok((rows::text(row, 0)?, rows::job_id(row, 1)?)),
        )?
        .collect::<rusqlite::Result<_>>()?;
    for (queue, _) in &purged {
        unit.moved(queue, Some(purge.state), None);
    }
    logs::forget(unit, purged.iter().map(|(_, id)| *id))?;
    Ok(purged.len())
}
