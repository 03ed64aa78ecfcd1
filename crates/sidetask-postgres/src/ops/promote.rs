use std::time::Duration;

use sidetask_core::Promoted;
use tokio_postgres::types::Type;

use crate::database::Work;
use crate::error::Fault;
use crate::leader::Turn;
use crate::news::News;
use crate::statement::Statement;
use crate::store::Inner;

static NEXT: Statement = Statement {
    text: "SELECT greatest(run_at, {now}) - {now} FROM {s}.jobs
           WHERE state IN (0, 3) AND NOT held ORDER BY run_at, seq LIMIT 1",
    types: &[Type::INT8],
};

/// What another promotes at the same time is left to it.
static PROMOTE: Statement = Statement {
    text: "WITH due AS MATERIALIZED (
               SELECT id, state FROM {s}.jobs
               WHERE state IN (0, 3) AND NOT held AND run_at <= {now}
               ORDER BY run_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED),
           moved AS (
               UPDATE {s}.jobs SET state = 1 FROM due WHERE jobs.id = due.id RETURNING queue, due.state AS was),
           tally AS (
               INSERT INTO {s}.tallies
               SELECT queue, -count(*) FILTER (WHERE was = 0), count(*), 0, -count(*) FILTER (WHERE was = 3), 0, 0, 0
               FROM moved GROUP BY queue)
           SELECT queue, count(*) FROM moved GROUP BY queue",
    types: &[Type::INT8, Type::INT8],
};

pub(crate) async fn promote(inner: &Inner, limit: usize) -> Result<Promoted, Fault> {
    let database = &inner.database;
    if let Turn::Others(wait) = inner.leader.turn(database, &*inner.clock).await? {
        return Ok(Promoted { moved: 0, next_in: Some(wait) });
    }
    let next = database.query(&NEXT, &[&database.now()]).await?;
    let next_in = next.first().map(|row| row.try_get(0)).transpose()?.map(until);
    // As a rule nothing is due, and that was all.
    if limit == 0 || next_in.is_none_or(|next_in| !next_in.is_zero()) {
        return Ok(Promoted { moved: 0, next_in });
    }
    database.transact(&limit, |work, limit| Box::pin(move_due(work, *limit))).await
}

async fn move_due(work: &Work<'_>, limit: usize) -> Result<(Promoted, News), Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (mut moved, mut news) = (0, News::default());
    for row in work.query(&PROMOTE, &[&work.now(), &limit]).await? {
        news.available.insert(row.try_get::<_, &str>(0)?.into());
        moved += usize::try_from(row.try_get::<_, i64>(1)?).unwrap_or_default();
    }
    let next = work.query(&NEXT, &[&work.now()]).await?;
    let next_in = next.first().map(|row| row.try_get(0)).transpose()?.map(until);
    Ok((Promoted { moved, next_in }, news))
}

/// Zero for what is due already.
fn until(micros: i64) -> Duration {
    Duration::from_micros(micros.max(0).unsigned_abs())
}
