//! Taking jobs back from workers that are gone, and what else whoever leads does now and then.

use std::collections::BTreeSet;
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Event, Rescued};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::settle::{Held, Settlement, held};
use super::{lane, tally};
use crate::database::Work;
use crate::error::Fault;
use crate::leader::Turn;
use crate::news::News;
use crate::statement::Statement;
use crate::store::Inner;

pub(crate) async fn rescue(inner: &Inner, limit: usize) -> Result<Vec<Rescued>, Fault> {
    let database = &inner.database;
    let Turn::Mine { won } = inner.leader.lead(database, &*inner.clock).await? else { return Ok(Vec::new()) };
    let found = database.query(&LOOK, &[&database.now()]).await?;
    let Some(row) = found.first() else { return Ok(Vec::new()) };
    let (is_anyone_lost, is_due, is_much_to_fold): (bool, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    // Whoever begins to lead promotes at once; and should a notification have been lost, what is due is not.
    let scheduled = won || is_due;
    database.announcer.publish(News { scheduled, ..News::default() });
    if is_much_to_fold {
        tally::fold(database).await?;
    }
    if !is_anyone_lost {
        return Ok(Vec::new());
    }
    database.transact(&limit, |work, limit| Box::pin(take_back(work, *limit))).await
}

/// As a rule nothing is to be done, and this is all that it costs to know.
static LOOK: Statement = Statement {
    text: "SELECT
               EXISTS (SELECT FROM {s}.workers WHERE lost OR lease_until <= {now})
                   OR EXISTS (
                       SELECT FROM {s}.jobs
                       WHERE state = 2 AND NOT EXISTS (SELECT FROM {s}.workers WHERE workers.id = jobs.worker)),
               EXISTS (SELECT FROM {s}.jobs WHERE state IN (0, 3) AND NOT held AND run_at <= {now}),
               (SELECT count(*) FROM (SELECT FROM {s}.tallies LIMIT 1000) AS first) = 1000",
    types: &[Type::INT8],
};

/// Of all workers whose lease expired, so that none goes on with jobs that are left to a later rescue.
static LOSE: Statement = Statement {
    text: "UPDATE {s}.workers SET lost = true
           WHERE id IN (SELECT id FROM {s}.workers WHERE lease_until <= {now} AND NOT lost ORDER BY id FOR UPDATE)",
    types: &[Type::INT8],
};

static PICK: Statement = Statement {
    text: "SELECT id, fence FROM {s}.jobs
           WHERE state = 2 AND NOT EXISTS (SELECT FROM {s}.workers WHERE workers.id = jobs.worker AND NOT lost)
           ORDER BY seq LIMIT $1",
    types: &[Type::INT8],
};

/// Only under the same fence as they were picked: who claimed one since may be a worker that joined since.
static LOCK: Statement = Statement {
    text: concat!(
        "SELECT ",
        held!(),
        " FROM {s}.jobs JOIN unnest($1, $2) AS picked (job, mark) ON id = job AND fence = mark
          WHERE state = 2 ORDER BY id FOR UPDATE OF jobs SKIP LOCKED"
    ),
    types: &[Type::UUID_ARRAY, Type::INT8_ARRAY],
};

static BURY: Statement = Statement {
    text: "DELETE FROM {s}.workers
           WHERE lost AND NOT EXISTS (SELECT FROM {s}.jobs WHERE state = 2 AND worker = workers.id)",
    types: &[],
};

/// Never waits for what others hold, a transaction of a user's whose process was stopped included: it would hold up the
/// jobs of all workers. A job is left alone whose row is locked, or which would end while its lane is.
async fn take_back(work: &Work<'_>, limit: usize) -> Result<(Vec<Rescued>, News), Fault> {
    work.query(&LOSE, &[&work.now()]).await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (mut ids, mut fences): (Vec<Uuid>, Vec<i64>) = (Vec::new(), Vec::new());
    for row in work.query(&PICK, &[&limit]).await? {
        ids.push(row.try_get(0)?);
        fences.push(row.try_get(1)?);
    }
    let (mut news, mut rescued) = (News::default(), Vec::with_capacity(ids.len()));
    if !ids.is_empty() {
        let jobs: Vec<Held> =
            work.query(&LOCK, &[&ids, &fences]).await?.iter().map(Held::read).collect::<Result<_, _>>()?;
        let now = work.time().await?;
        let emptied = jobs.iter().filter(|job| job.ends_by(&Outcome::Expired, Duration::ZERO, now));
        let emptied: BTreeSet<&str> = emptied.filter_map(|job| Some(&*job.lane.as_ref()?.name)).collect();
        let busy = lane::busy(work, &emptied).await?;
        let mut settlement = Settlement::default();
        for job in &jobs {
            let is_busy = job.lane.as_ref().is_some_and(|lane| busy.contains(&*lane.name));
            if is_busy && job.ends_by(&Outcome::Expired, Duration::ZERO, now) {
                // Left to a later rescue.
                continue;
            }
            if let Some(state) = settlement.end(job, &Outcome::Expired, Duration::ZERO, now) {
                let (id, worker) = (job.id, job.worker);
                work.detail(&mut news, || Event::Rescued { id, state, worker });
                rescued.push(Rescued { id, state, worker });
            }
        }
        settlement.write(work, now, &mut news).await?;
    }
    work.query(&BURY, &[]).await?;
    Ok((rescued, news))
}
