use std::collections::HashMap;

use sidetask_core::{Counts, JobId, JobRecord, QueueStats, State, Stats};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::tally;
use crate::database::Database;
use crate::error::Fault;
use crate::rows::{self, ended, live};
use crate::statement::Statement;

static JOBS: Statement = Statement {
    text: concat!(
        "SELECT ",
        live!(),
        " FROM {s}.jobs WHERE id = ANY($1) UNION ALL SELECT ",
        ended!(),
        " FROM {s}.history WHERE id = ANY($1)"
    ),
    types: &[Type::UUID_ARRAY],
};

pub(crate) async fn jobs(database: &Database, ids: &[JobId]) -> Result<Vec<Option<JobRecord>>, Fault> {
    let uuids: Vec<Uuid> = ids.iter().map(rows::job_uuid).collect();
    let found = database.read(&JOBS, &[&uuids]).await?;
    let records = found.iter().map(rows::record).collect::<Result<Vec<_>, _>>()?;
    let by_id: HashMap<JobId, JobRecord> = records.into_iter().map(|record| (record.id, record)).collect();
    Ok(ids.iter().map(|id| by_id.get(id).cloned()).collect())
}

/// As many rows as are added up without a thought.
const MANY: i64 = 10_000;

static STATS: Statement = Statement {
    text: "SELECT queue, bool_or(paused), sum(scheduled)::bigint, sum(available)::bigint, sum(running)::bigint,
               sum(retryable)::bigint, sum(completed)::bigint, sum(cancelled)::bigint, sum(discarded)::bigint,
               count(*)
           FROM (
               SELECT queue, false AS paused, scheduled, available, running, retryable, completed, cancelled, discarded
               FROM {s}.tallies
               UNION ALL
               SELECT name, paused, 0, 0, 0, 0, 0, 0, 0 FROM {s}.queues) AS all_of_them
           GROUP BY queue",
    types: &[],
};

pub(crate) async fn stats(database: &Database) -> Result<Stats, Fault> {
    let (mut queues, mut rows) = (Vec::new(), 0);
    for row in database.read(&STATS, &[]).await? {
        let mut counts = Counts::default();
        for state in State::ALL {
            counts.set(state, row.try_get::<_, i64>(2 + usize::from(state.code()))?.max(0).unsigned_abs());
        }
        queues.push(QueueStats::new(row.try_get(0)?, row.try_get(1)?, counts));
        rows += row.try_get::<_, i64>(9)?;
    }
    if rows > MANY {
        // Where nobody works, nobody else does it. What was read is right in any case.
        if let Err(fault) = tally::fold(database).await {
            tracing::debug!(?fault, "the counts stay in many rows for now");
        }
    }
    // By bytes, whatever the database's collation is.
    queues.sort_unstable_by(|one, other| one.queue.cmp(&other.queue));
    Ok(Stats::new(queues))
}
