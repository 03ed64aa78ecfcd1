use std::time::Duration;

use rusqlite::params;
use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Error, Event, Heartbeat, Joining, Rescued, WorkerId};

use super::finish::{HELD, Held, end};
use crate::rows;
use crate::unit::Unit;

/// In microseconds. A heartbeat adds the lease to the time, which must not overflow.
const LONGEST_LEASE: i64 = i64::MAX / 2;

pub(crate) fn join(unit: &mut Unit<'_>, joining: &Joining) -> rusqlite::Result<()> {
    let lease = i64::try_from(joining.lease.as_micros()).unwrap_or(i64::MAX).min(LONGEST_LEASE);
    unit.statement(
        "INSERT INTO sidetask_workers (id, name, started_at, lease, lease_until) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET
             name = excluded.name, lease = excluded.lease, lease_until = excluded.lease_until",
    )?
    .execute(params![
        joining.worker.as_bytes(),
        joining.name,
        unit.now.as_micros(),
        lease,
        unit.now.after(joining.lease).as_micros()
    ])?;
    Ok(())
}

pub(crate) fn leave(unit: &mut Unit<'_>, worker: WorkerId) -> rusqlite::Result<()> {
    let held = read_held(
        unit,
        &format!("SELECT {HELD} FROM sidetask_jobs WHERE state = 2 AND worker = ?1"),
        params![worker.as_bytes()],
    )?;
    for job in held {
        end(unit, &job, &Outcome::Released(Duration::ZERO), Duration::ZERO)?;
    }
    unit.statement("DELETE FROM sidetask_workers WHERE id = ?1")?.execute(params![worker.as_bytes()])?;
    Ok(())
}

/// Begins the lease anew. Answers whether the worker is known.
fn renew(unit: &Unit<'_>, worker: WorkerId) -> rusqlite::Result<bool> {
    let renewed = unit
        .statement("UPDATE sidetask_workers SET lease_until = ?2 + lease WHERE id = ?1")?
        .execute(params![worker.as_bytes(), unit.now.as_micros()])?;
    Ok(renewed > 0)
}

/// The inner error is the answer to a worker that is not known.
pub(crate) fn heartbeat(unit: &mut Unit<'_>, worker: WorkerId) -> rusqlite::Result<Result<Heartbeat, Error>> {
    if !renew(unit, worker)? {
        return Ok(Err(Error::lease_lost(format_args!("worker {worker}"))));
    }
    let mut statement =
        unit.statement("SELECT id FROM sidetask_jobs WHERE state = 2 AND worker = ?1 AND cancel_requested = 1")?;
    let cancelled = statement.query_map(params![worker.as_bytes()], |row| rows::job_id(row, 0))?;
    Ok(Ok(Heartbeat { cancelled: cancelled.collect::<rusqlite::Result<_>>()? }))
}

pub(crate) fn rescue(unit: &mut Unit<'_>, limit: usize) -> rusqlite::Result<Vec<Rescued>> {
    let now = unit.now.as_micros();
    let held = read_held(
        unit,
        &format!(
            "SELECT {HELD} FROM sidetask_jobs AS job
             WHERE state = 2 AND NOT EXISTS (
                 SELECT 1 FROM sidetask_workers AS worker WHERE worker.id = job.worker AND worker.lease_until > ?1)
             ORDER BY seq LIMIT ?2"
        ),
        params![now, i64::try_from(limit).unwrap_or(i64::MAX)],
    )?;
    let mut rescued = Vec::with_capacity(held.len());
    for job in held {
        if let Some(state) = end(unit, &job, &Outcome::Expired, Duration::ZERO)? {
            let (id, worker) = (job.id, job.worker);
            unit.detail(|| Event::Rescued { id, state, worker });
            rescued.push(Rescued { id, state, worker });
        }
    }
    unit.statement("DELETE FROM sidetask_workers WHERE lease_until <= ?1")?.execute(params![now])?;
    Ok(rescued)
}

fn read_held(unit: &Unit<'_>, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<Held>> {
    unit.statement(sql)?.query_map(params, Held::read)?.collect()
}
