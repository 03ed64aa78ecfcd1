use sidetask_core::{Enqueued, JobId, NewJob};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::columns::{Columns, due, job, trace};
use super::tell;
use crate::database::Parameters;
use crate::error::Fault;
use crate::rows;
use crate::statement::Statement;
use crate::store::Inner;

static INSERT: Statement = Statement {
    text: concat!(
        "WITH stored AS (
             INSERT INTO {s}.jobs (id, state, priority, run_at, max_attempts, queue, kind, timeout, created_at, args,
                 trace)
             SELECT id, CASE WHEN due > {now} THEN 0 ELSE 1 END, priority, due, max_attempts, queue, kind, timeout,
                 {now}, args, trace
             FROM ",
        job!("", ""),
        "    ORDER BY place
             RETURNING queue, state, priority, run_at),
         sums AS (
             SELECT queue, count(*) FILTER (WHERE state = 0) AS scheduled, count(*) FILTER (WHERE state = 1) AS available,
                 min(priority) FILTER (WHERE state = 1) AS priority, min(run_at) FILTER (WHERE state = 1) AS run_at
             FROM stored GROUP BY queue),
         tally AS (
             INSERT INTO {s}.tallies SELECT queue, scheduled, available, 0, 0, 0, 0, 0 FROM sums)
         SELECT queue, scheduled > 0, priority, run_at FROM sums"
    ),
    types: &[
        Type::INT8,
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// The same of one job, in two thirds of the time.
static INSERT_ONE: Statement = Statement {
    text: "WITH stored AS (
               INSERT INTO {s}.jobs (id, state, priority, run_at, max_attempts, queue, kind, timeout, created_at, args,
                   trace)
               SELECT $2, CASE WHEN due > {now} THEN 0 ELSE 1 END, $3, due, $6, $8, $9, $7, {now}, $10, $11
               FROM (
                   SELECT coalesce($4, CASE WHEN $5 > 9223372036854775807 - {now} THEN 9223372036854775807
                       ELSE {now} + $5 END) AS due) AS job
               RETURNING queue, state, priority, run_at),
           tally AS (
               INSERT INTO {s}.tallies
               SELECT queue, CASE state WHEN 0 THEN 1 ELSE 0 END, CASE state WHEN 1 THEN 1 ELSE 0 END, 0, 0, 0, 0, 0
               FROM stored)
           SELECT queue, state = 0, CASE state WHEN 1 THEN priority END, run_at FROM stored",
    types: &[
        Type::INT8,
        Type::UUID,
        Type::INT2,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
    ],
};

/// Stores jobs without a given id, key, lane and tick, in one statement.
pub(super) async fn store(inner: &Inner, jobs: &[&NewJob]) -> Result<Vec<Option<Enqueued>>, Fault> {
    let ids = super::ids(inner, jobs);
    let sums = match *jobs {
        [job] => insert_one(inner, ids[0], job).await?,
        _ => insert(inner, &ids, jobs).await?,
    };
    let mut stored = tell::Stored::new(&inner.database.announcer);
    let (mut some_scheduled, mut some_available) = (false, false);
    for row in &sums {
        let first = row.try_get::<_, Option<i16>>(2)?.zip(row.try_get(3)?);
        let is_any_scheduled = row.try_get(1)?;
        some_scheduled |= is_any_scheduled;
        some_available |= first.is_some();
        stored.add(row.try_get(0)?, is_any_scheduled, first);
    }
    let now = inner.clock.now().as_micros();
    for (id, job) in ids.iter().zip(jobs) {
        let (at, wait) = due(job);
        // The database knows of all of them; of each alone where some are due and others are not, its clock is the judge.
        let is_ahead = at.map_or(wait > 0, |at| at > now);
        stored.step(*id, job, some_scheduled && (is_ahead || !some_available));
    }
    stored.tell(inner);
    Ok(ids.into_iter().map(|id| Some(Enqueued { id, existed: false })).collect())
}

async fn insert(inner: &Inner, ids: &[JobId], jobs: &[&NewJob]) -> Result<Vec<Row>, Fault> {
    let columns = Columns::of(ids, jobs);
    let now = inner.database.now();
    let [a, b, c, d, e, f, g, h, i, j] = columns.values();
    inner.storing.query(&inner.database, &INSERT, &[&now, a, b, c, d, e, f, g, h, i, j]).await
}

async fn insert_one(inner: &Inner, id: JobId, job: &NewJob) -> Result<Vec<Row>, Fault> {
    let (at, wait) = due(job);
    let (id, max_attempts, timeout) = (rows::job_uuid(&id), i64::from(job.max_attempts), job.timeout.map(rows::micros));
    let (queue, kind, args): (&str, &str, &str) = (&job.queue, &job.kind, job.args.as_str());
    let (now, trace) = (inner.database.now(), trace(job));
    let values: Parameters<'_> =
        &[&now, &id, &job.priority, &at, &wait, &max_attempts, &timeout, &queue, &kind, &args, &trace];
    inner.storing.query(&inner.database, &INSERT_ONE, values).await
}
