use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Error, Heartbeat, Joining, WorkerId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::lane;
use super::settle::{Held, Settlement, held};
use crate::database::{Database, Work};
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;

/// In microseconds. A heartbeat adds the lease to the time, which must not overflow.
const LONGEST_LEASE: i64 = i64::MAX / 2;

static JOIN: Statement = Statement {
    text: "INSERT INTO {s}.workers (id, name, started_at, lease, lease_until) VALUES ($2, $3, {now}, $4, {now} + $4)
           ON CONFLICT (id) DO UPDATE SET name = excluded.name, lease = excluded.lease,
               lease_until = excluded.lease_until, lost = false",
    types: &[Type::INT8, Type::UUID, Type::TEXT, Type::INT8],
};

pub(crate) async fn join(database: &Database, joining: &Joining) -> Result<(), Fault> {
    let lease = rows::micros(joining.lease).min(LONGEST_LEASE);
    let name = joining.name.replace('\0', "\u{fffd}");
    database.query(&JOIN, &[&database.now(), &rows::worker_uuid(&joining.worker), &name, &lease]).await?;
    Ok(())
}

static HEARTBEAT: Statement = Statement {
    text: "WITH me AS (
               UPDATE {s}.workers SET lease_until = {now} + lease WHERE id = $2 AND NOT lost RETURNING id)
           SELECT jobs.id FROM me LEFT JOIN {s}.jobs ON state = 2 AND worker = $2 AND cancel_requested",
    types: &[Type::INT8, Type::UUID],
};

pub(crate) async fn heartbeat(database: &Database, worker: WorkerId) -> Result<Heartbeat, Fault> {
    let found = database.query(&HEARTBEAT, &[&database.now(), &rows::worker_uuid(&worker)]).await?;
    if found.is_empty() {
        return Err(Error::lease_lost(format_args!("worker {worker}")).into());
    }
    let mut cancelled = Vec::new();
    for row in &found {
        if let Some(id) = row.try_get(0)? {
            cancelled.push(rows::job_id(id));
        }
    }
    Ok(Heartbeat { cancelled })
}

static RUNNING: Statement =
    Statement { text: "SELECT id FROM {s}.jobs WHERE state = 2 AND worker = $1", types: &[Type::UUID] };

static HELD_BY: Statement = Statement {
    text: concat!("SELECT ", held!(), " FROM {s}.jobs WHERE state = 2 AND worker = $1 ORDER BY id FOR UPDATE"),
    types: &[Type::UUID],
};

static FORGET: Statement =
    Statement { text: "DELETE FROM {s}.workers WHERE id = $1 RETURNING id", types: &[Type::UUID] };

pub(crate) async fn leave(work: &Work<'_>, worker: &WorkerId) -> Result<((), News), Fault> {
    let id = rows::worker_uuid(worker);
    // First, so that no claim of it comes in between.
    work.query(&FORGET, &[&id]).await?;
    let running = work.query(&RUNNING, &[&id]).await?;
    if running.is_empty() {
        return Ok(((), News::default()));
    }
    let running = running.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Uuid>, _>>()?;
    lane::lock_of(work, &running).await?;
    let now = work.time().await?;
    let (mut settlement, mut news) = (Settlement::default(), News::default());
    for row in work.query(&HELD_BY, &[&id]).await? {
        settlement.end(&Held::read(&row)?, &Outcome::Released(Duration::ZERO), Duration::ZERO, now);
    }
    settlement.write(work, now, &mut news).await?;
    Ok(((), news))
}
