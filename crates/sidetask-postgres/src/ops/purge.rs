//! Deleting what ended, or was done, long ago.
//!
//! Every worker purges, not only the one that leads: how long ended jobs are kept is a setting of each, and with only one
//! of them purging, who leads would decide which setting counts. So the shortest of them does, of all services that share
//! a schema.

use sidetask_core::{Activity, Purge};
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::Fault;
use crate::rows;
use crate::statement::Statement;

/// What another purges at the same time, or brings back, is left to it. The names and logs go with the jobs.
static PURGE: Statement = Statement {
    text: "WITH old AS MATERIALIZED (
               SELECT id FROM {s}.history
               WHERE state = $2 AND finished_at <= {now} - $3
               ORDER BY finished_at LIMIT $4 FOR UPDATE SKIP LOCKED),
           purged AS (
               DELETE FROM {s}.history USING old WHERE history.id = old.id
               RETURNING history.id, queue, kind, key, named),
           freed AS (
               DELETE FROM {s}.names USING purged
               WHERE names.kind = purged.kind AND names.key = purged.key AND names.id = purged.id),
           forgotten AS (
               DELETE FROM {s}.names USING purged
               WHERE purged.named AND names.kind = '' AND names.key = purged.id::text AND names.id = purged.id),
           unlogged AS (DELETE FROM {s}.logs USING purged WHERE logs.job = purged.id),
           old_minutes AS (DELETE FROM {s}.activity WHERE minute < ({now} - $5) / 60000000 * 60000000),
           tally AS (
               INSERT INTO {s}.tallies
               SELECT queue, 0, 0, 0, 0, -count(*) FILTER (WHERE $2 = 4), -count(*) FILTER (WHERE $2 = 5),
                   -count(*) FILTER (WHERE $2 = 6)
               FROM purged GROUP BY queue)
           SELECT count(*) FROM purged",
    types: &[Type::INT8, Type::INT2, Type::INT8, Type::INT8, Type::INT8],
};

pub(crate) async fn purge(database: &Database, purge: Purge) -> Result<usize, Fault> {
    if !purge.state.is_final() || purge.limit == 0 {
        return Ok(0);
    }
    let age = rows::micros(purge.older_than);
    let limit = i64::try_from(purge.limit).unwrap_or(i64::MAX);
    let (state, kept) = (rows::code(purge.state), rows::micros(Activity::KEPT));
    let purged = database.query(&PURGE, &[&database.now(), &state, &age, &limit, &kept]).await?;
    Ok(match purged.first() {
        Some(row) => usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default(),
        None => 0,
    })
}
