//! What is counted, and who works.

use rusqlite::Connection;
use sidetask_core::{Counts, QueueStats, State, Stats, Timestamp, WorkerId, WorkerRecord};

use crate::rows;

pub(crate) fn read(conn: &Connection) -> rusqlite::Result<Stats> {
    let mut query = conn.prepare_cached(
        "SELECT name, paused, scheduled, available, running, retryable, completed, cancelled, discarded
         FROM sidetask_queues ORDER BY name",
    )?;
    let queues = query.query_map([], |row| {
        let mut counts = Counts::default();
        for state in State::ALL {
            counts.set(state, row.get::<_, i64>(2 + usize::from(state.code()))?.max(0).unsigned_abs());
        }
        Ok(QueueStats::new(rows::text(row, 0)?, row.get(1)?, counts))
    })?;
    Ok(Stats::new(queues.collect::<rusqlite::Result<_>>()?))
}

pub(crate) fn workers(conn: &Connection) -> rusqlite::Result<Vec<WorkerRecord>> {
    let mut query = conn.prepare_cached(
        "SELECT id, name, started_at, lease_until,
             (SELECT count(*) FROM sidetask_jobs WHERE state = 2 AND worker = known.id)
         FROM sidetask_workers AS known ORDER BY started_at, id",
    )?;
    let workers = query.query_map([], |row| {
        Ok(WorkerRecord {
            id: rows::worker_id(row, 0)?.unwrap_or(WorkerId::from_bytes([0; 16])),
            name: rows::text(row, 1)?,
            started_at: Timestamp::from_micros(row.get(2)?),
            lease_until: Timestamp::from_micros(row.get(3)?),
            running: rows::count(row, 4)?,
        })
    })?;
    workers.collect()
}

/// Goes from the first job of each queue and priority to that of the next one, and looks at no others.
pub(crate) fn oldest_due(conn: &Connection) -> rusqlite::Result<Vec<(String, Timestamp)>> {
    let mut query = conn.prepare_cached(
        "WITH RECURSIVE head (seq, queue, priority, run_at) AS (
             SELECT * FROM (
                 SELECT seq, queue, priority, run_at FROM sidetask_jobs
                 WHERE state = 1 ORDER BY queue, priority, run_at LIMIT 1)
             UNION ALL
             SELECT next.seq, next.queue, next.priority, next.run_at
             FROM head JOIN sidetask_jobs AS next ON next.seq = coalesce(
                 (SELECT seq FROM sidetask_jobs WHERE state = 1 AND queue = head.queue AND priority > head.priority
                  ORDER BY priority, run_at LIMIT 1),
                 (SELECT seq FROM sidetask_jobs WHERE state = 1 AND queue > head.queue
                  ORDER BY queue, priority, run_at LIMIT 1)))
         SELECT queue, min(run_at) FROM head GROUP BY queue ORDER BY queue",
    )?;
    let oldest = query.query_map([], |row| Ok((rows::text(row, 0)?, Timestamp::from_micros(row.get(1)?))))?;
    oldest.collect()
}
