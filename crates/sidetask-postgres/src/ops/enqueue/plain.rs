use sidetask_core::{Enqueued, NewJob};
use tokio_postgres::types::Type;

use super::columns::{Columns, job};
use super::tell;
use crate::error::Fault;
use crate::statement::Statement;
use crate::store::Inner;

static INSERT: Statement = Statement {
    text: concat!(
        "WITH stored AS (
             INSERT INTO {s}.jobs (id, state, priority, run_at, max_attempts, queue, kind, timeout, created_at, args)
             SELECT id, CASE WHEN due > {now} THEN 0 ELSE 1 END, priority, due, max_attempts, queue, kind, timeout,
                 {now}, args
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
    ],
};

/// Stores jobs without a given id, key, lane and tick, in one statement.
pub(super) async fn store(inner: &Inner, jobs: &[&NewJob]) -> Result<Vec<Option<Enqueued>>, Fault> {
    let ids = super::ids(inner, jobs);
    let columns = Columns::of(&ids, jobs);
    let now = inner.database.now();
    let [a, b, c, d, e, f, g, h, i] = columns.values();
    let sums = inner.storing.query(&inner.database, &INSERT, &[&now, a, b, c, d, e, f, g, h, i]).await?;
    let mut stored = tell::Stored::default();
    for row in &sums {
        let first = row.try_get::<_, Option<i16>>(2)?.zip(row.try_get(3)?);
        stored.add(row.try_get(0)?, row.try_get(1)?, first);
    }
    stored.tell(inner);
    Ok(ids.into_iter().map(|id| Some(Enqueued { id, existed: false })).collect())
}
