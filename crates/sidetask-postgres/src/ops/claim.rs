use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{Claim, Claimed, Error, Json, Timestamp, Token, WorkerId};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::database::Database;
use crate::error::Fault;
use crate::rows;
use crate::statement::Statement;

/// The rows are picked first, in the order of the index; an UPDATE over a plain subquery may change more than its limit.
/// `me` locks the worker's row, so that no rescue comes between.
static CLAIM: Statement = Statement {
    text: "WITH me AS (
               UPDATE {s}.workers SET claim = claim + 1 WHERE id = $2 AND NOT lost RETURNING id),
           picked AS MATERIALIZED (
               SELECT job.id
               FROM me, unnest($3, $4) AS want (queue, most),
               LATERAL (
                   SELECT id FROM {s}.jobs
                   WHERE state = 1 AND queue = want.queue AND kind = ANY($5)
                   ORDER BY priority, run_at, seq
                   LIMIT want.most
                   FOR UPDATE SKIP LOCKED) AS job
               WHERE NOT EXISTS (SELECT FROM {s}.queues WHERE name = want.queue AND paused)),
           taken AS (
               UPDATE {s}.jobs SET state = 2, attempt = attempt + 1, fence = fence + 1, worker = $2,
                   attempted_at = {now}, cancel_requested = false
               FROM picked WHERE jobs.id = picked.id
               RETURNING jobs.id, jobs.attempt, jobs.fence, kind, queue, args, max_attempts, timeout, run_at, priority,
                   seq),
           tally AS (
               INSERT INTO {s}.tallies
               SELECT queue, 0, -count(*), count(*), 0, 0, 0, 0 FROM taken GROUP BY queue)
           SELECT taken.* FROM me LEFT JOIN taken ON true",
    types: &[Type::INT8, Type::UUID, Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::TEXT_ARRAY],
};

pub(crate) async fn claim(database: &Database, claim: &Claim) -> Result<Vec<Claimed>, Fault> {
    let worker = rows::worker_uuid(&claim.worker);
    let queues: Vec<&str> = claim.wants.iter().map(|want| &*want.queue).collect();
    let limits: Vec<i64> = claim.wants.iter().map(|want| i64::try_from(want.limit).unwrap_or(i64::MAX)).collect();
    let kinds: Vec<String> = claim.kinds.iter().map(ToString::to_string).collect();
    let found = database.query(&CLAIM, &[&database.now(), &worker, &queues, &limits, &kinds]).await?;
    if found.is_empty() {
        return Err(Error::lease_lost(format_args!("worker {}", claim.worker)).into());
    }
    let mut claimed = Vec::with_capacity(found.len());
    for row in &found {
        if row.try_get::<_, Option<Uuid>>(0)?.is_some() {
            claimed.push(read(row, claim.worker)?);
        }
    }
    claimed.sort_by_key(|(_, order)| *order);
    Ok(claimed.into_iter().map(|(job, _)| job).collect())
}

/// A claimed job, and its place in the order of claiming.
fn read(row: &Row, worker: WorkerId) -> Result<(Claimed, (i16, i64, i64)), Fault> {
    let timeout: Option<i64> = row.try_get(7)?;
    let run_at: i64 = row.try_get(8)?;
    let job = Claimed {
        token: Token {
            job: rows::job_id(row.try_get(0)?),
            attempt: rows::number(row.try_get(1)?),
            fence: row.try_get::<_, i64>(2)?.unsigned_abs(),
            worker,
        },
        kind: Arc::from(row.try_get::<_, &str>(3)?),
        queue: Arc::from(row.try_get::<_, &str>(4)?),
        args: Json::from_stored(row.try_get::<_, String>(5)?),
        max_attempts: rows::number(row.try_get(6)?),
        timeout: timeout.map(|micros| Duration::from_micros(micros.unsigned_abs())),
        run_at: Timestamp::from_micros(run_at),
    };
    Ok((job, (row.try_get(9)?, run_at, row.try_get(10)?)))
}
