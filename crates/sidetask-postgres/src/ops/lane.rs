//! Who of a lane is under way, and who waits to be let in.
//!
//! Whoever changes a lane holds its lock until the transaction ends, and takes that of all its lanes before it locks any
//! job, so that two changes of one lane come one after the other and never wait for each other. A rescue, which waits for
//! nobody, may lock its jobs first. What is under way is
//! counted by a statement of its own, after the lock: the statement that takes it does not see yet what it waited for.

use std::collections::{BTreeMap, BTreeSet};

use sidetask_core::{JobId, Lane, State, Timestamp, lifecycle};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::tally::Tallies;
use crate::database::Work;
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;

/// What is locked for a lane.
macro_rules! lane_key {
    () => {
        "hashtextextended('{s}.' || lane, 0)"
    };
}

pub(crate) use lane_key;

/// In the order of the keys, which is the same for everybody.
static LOCK: Statement = Statement {
    text: concat!(
        "SELECT count(pg_advisory_xact_lock(key)) FROM (SELECT ",
        lane_key!(),
        " AS key FROM unnest($1) AS lane ORDER BY 1) AS keys"
    ),
    types: &[Type::TEXT_ARRAY],
};

/// The lane of a job never changes, so that it is known before the job is locked.
static LOCK_OF: Statement = Statement {
    text: concat!(
        "SELECT count(pg_advisory_xact_lock(key)) FROM (SELECT DISTINCT ",
        lane_key!(),
        " AS key FROM (
             SELECT lane FROM {s}.jobs WHERE id = ANY($1) AND lane IS NOT NULL
             UNION ALL
             SELECT lane FROM {s}.history WHERE id = ANY($1) AND lane IS NOT NULL) AS lanes
         ORDER BY 1) AS keys"
    ),
    types: &[Type::UUID_ARRAY],
};

/// Locks the lanes of these jobs. To be done before the jobs are locked.
pub(crate) async fn lock_of(work: &Work<'_>, jobs: &[Uuid]) -> Result<(), Fault> {
    work.query(&LOCK_OF, &[&jobs]).await?;
    Ok(())
}

/// Locks lanes. To be done before any job is locked.
pub(crate) async fn lock(work: &Work<'_>, lanes: &BTreeSet<&str>) -> Result<(), Fault> {
    if !lanes.is_empty() {
        let lanes: Vec<&str> = lanes.iter().copied().collect();
        work.query(&LOCK, &[&lanes]).await?;
    }
    Ok(())
}

static TRY_LOCK: Statement = Statement {
    text: concat!(
        "WITH lanes AS MATERIALIZED (SELECT lane, pg_try_advisory_xact_lock(",
        lane_key!(),
        ") AS is_locked FROM unnest($1) AS lane)
         SELECT lane FROM lanes WHERE NOT is_locked"
    ),
    types: &[Type::TEXT_ARRAY],
};

/// Locks lanes without a wait, and answers those that others have locked.
pub(crate) async fn busy(work: &Work<'_>, lanes: &BTreeSet<&str>) -> Result<BTreeSet<String>, Fault> {
    if lanes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let lanes: Vec<&str> = lanes.iter().copied().collect();
    let busy = work.query(&TRY_LOCK, &[&lanes]).await?;
    busy.iter().map(|row| row.try_get(0)).collect()
}

/// Which of the jobs that enter these lanes, in this order, are let in; the others are held. Locks the lanes. Those that
/// are held are to be stored in this order, by this transaction.
pub(crate) async fn admit(work: &Work<'_>, entering: &[&Lane]) -> Result<Vec<bool>, Fault> {
    let names: BTreeSet<&str> = entering.iter().map(|lane| &*lane.name).collect();
    let mut lanes = look(work, &names, 1).await?;
    let admitted = entering.iter().map(|lane| {
        let Some(there) = lanes.get_mut(&*lane.name) else { return true };
        let is_let_in = there.held.is_empty() && !there.is_full && lane.lets_in(there.under_way);
        there.under_way += u64::from(is_let_in);
        // Nobody overtakes who is held.
        there.is_full |= !is_let_in;
        is_let_in
    });
    Ok(admitted.collect())
}

/// How many of those held are looked at in one go: as a rule one job ends, and lets in one.
const CHUNK: i64 = 16;

/// Lets in the first of those held in these lanes, as many as there is room for. To be called whenever jobs of a lane
/// have ended, once that is written. Locks the lanes, where the caller has not.
pub(crate) async fn let_in(
    work: &Work<'_>,
    lanes: &BTreeSet<&str>,
    now: Timestamp,
    news: &mut News,
    tallies: &mut Tallies,
) -> Result<(), Fault> {
    let mut lanes = lanes.clone();
    while !lanes.is_empty() {
        let mut let_in = Vec::new();
        let found = look(work, &lanes, CHUNK).await?;
        lanes.retain(|lane| {
            let Some(Occupied { under_way, held, .. }) = found.get(*lane) else { return false };
            let before = let_in.len();
            for (held, under_way) in held.iter().zip(*under_way..) {
                if !held.lane.lets_in(under_way) {
                    break;
                }
                let_in.push(held);
            }
            // There may be room for more than were looked at.
            let_in.len() - before == usize::try_from(CHUNK).unwrap_or(usize::MAX)
        });
        if let_in.is_empty() {
            return Ok(());
        }
        let states = let_in.iter().map(|held| lifecycle::waits(false, held.run_at > now));
        for (held, state) in let_in.iter().zip(states.clone()) {
            news.moved(held.id, &held.queue, state);
            tallies.moved(&held.queue, State::Scheduled, state);
        }
        let ids: Vec<Uuid> = let_in.iter().map(|held| rows::job_uuid(&held.id)).collect();
        work.query(&LET_IN, &[&ids, &states.map(rows::code).collect::<Vec<i16>>()]).await?;
    }
    Ok(())
}

static LET_IN: Statement = Statement {
    text: "UPDATE {s}.jobs SET held = false, state = let_in.state
           FROM unnest($1, $2) AS let_in (id, state) WHERE jobs.id = let_in.id",
    types: &[Type::UUID_ARRAY, Type::INT2_ARRAY],
};

/// How a lane stands.
#[derive(Default)]
struct Occupied {
    under_way: u64,
    /// The first of those held.
    held: Vec<Waiting>,
    is_full: bool,
}

struct Waiting {
    id: JobId,
    queue: String,
    run_at: Timestamp,
    lane: Lane,
}

static LOOK: Statement = Statement {
    text: "SELECT lane.name, (SELECT count(*) FROM {s}.jobs WHERE jobs.lane = lane.name AND NOT held), first.*
           FROM unnest($1) AS lane (name)
           LEFT JOIN LATERAL (
               SELECT id, queue, run_at, lane, lane_width, seq FROM {s}.jobs
               WHERE jobs.lane = lane.name AND held ORDER BY seq LIMIT $2) AS first ON true
           ORDER BY first.seq",
    types: &[Type::TEXT_ARRAY, Type::INT8],
};

/// Locks lanes, and sees how they stand.
async fn look(work: &Work<'_>, lanes: &BTreeSet<&str>, most: i64) -> Result<BTreeMap<String, Occupied>, Fault> {
    let mut found: BTreeMap<String, Occupied> = BTreeMap::new();
    if lanes.is_empty() {
        return Ok(found);
    }
    lock(work, lanes).await?;
    let lanes: Vec<&str> = lanes.iter().copied().collect();
    for row in work.query(&LOOK, &[&lanes, &most]).await? {
        let there = found.entry(row.try_get(0)?).or_default();
        there.under_way = row.try_get::<_, i64>(1)?.unsigned_abs();
        if let (Some(id), Some(lane)) = (row.try_get(2)?, rows::lane(row.try_get(5)?, row.try_get(6)?)) {
            let run_at = Timestamp::from_micros(row.try_get(4)?);
            there.held.push(Waiting { id: rows::job_id(id), queue: row.try_get(3)?, run_at, lane });
        }
    }
    Ok(found)
}
