//! What those ask who run the store.

use sidetask_core::{Timestamp, WorkerRecord};

use crate::database::Database;
use crate::error::Fault;
use crate::rows;
use crate::statement::Statement;

/// What a worker runs is found by the index of what runs.
static WORKERS: Statement = Statement {
    text: "SELECT id, name, started_at, lease_until,
               (SELECT count(*) FROM {s}.jobs WHERE state = 2 AND worker = workers.id)
           FROM {s}.workers WHERE NOT lost ORDER BY started_at, id",
    types: &[],
};

pub(crate) async fn workers(database: &Database) -> Result<Vec<WorkerRecord>, Fault> {
    let found = database.read(&WORKERS, &[]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(WorkerRecord {
            id: rows::worker_id(row.try_get(0)?),
            name: row.try_get(1)?,
            started_at: Timestamp::from_micros(row.try_get(2)?),
            lease_until: Timestamp::from_micros(row.try_get(3)?),
            running: row.try_get::<_, i64>(4)?.unsigned_abs(),
        })
    };
    found.iter().map(read).collect()
}

/// From each priority of each queue to the next one: the first of each is the one that was due first.
static OLDEST_DUE: Statement = Statement {
    text: "WITH RECURSIVE first AS (
               (SELECT queue, priority, run_at FROM {s}.jobs WHERE state = 1
                ORDER BY queue, priority, run_at, seq LIMIT 1)
               UNION ALL
               SELECT next.* FROM first, LATERAL (
                   SELECT jobs.queue, jobs.priority, jobs.run_at FROM {s}.jobs
                   WHERE state = 1 AND (jobs.queue, jobs.priority) > (first.queue, first.priority)
                   ORDER BY jobs.queue, jobs.priority, jobs.run_at, jobs.seq LIMIT 1) AS next)
           SELECT queue, min(run_at) FROM first GROUP BY queue",
    types: &[],
};

pub(crate) async fn oldest_due(database: &Database) -> Result<Vec<(String, Timestamp)>, Fault> {
    let found = database.read(&OLDEST_DUE, &[]).await?;
    let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, Timestamp::from_micros(row.try_get(1)?)));
    let mut oldest = found.iter().map(read).collect::<Result<Vec<(String, Timestamp)>, Fault>>()?;
    // By bytes, whatever the database's collation is.
    oldest.sort_unstable();
    Ok(oldest)
}
