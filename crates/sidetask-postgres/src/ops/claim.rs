use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{Claim, Claimed, Error, Event, Json, Kinds, Timestamp, Token, WorkerId};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::database::Parameters;
use crate::error::Fault;
use crate::holders::{FRONT, Place};
use crate::news::News;
use crate::rows;
use crate::statement::Statement;
use crate::store::Inner;

/// Jobs for a worker. Those of claims whose answer was lost come first: they are its own already.
pub(crate) async fn claim(inner: &Inner, claim: &Claim) -> Result<Vec<Claimed>, Fault> {
    let claimed = recover_or_take(inner, claim).await?;
    let announcer = &inner.database.announcer;
    let mut news = News::default();
    for job in &claimed {
        announcer.detail(&mut news, || Event::Claimed { token: job.token });
    }
    announcer.publish(news);
    Ok(claimed)
}

async fn recover_or_take(inner: &Inner, claim: &Claim) -> Result<Vec<Claimed>, Fault> {
    recover(inner, claim.worker).await?;
    let found = inner.holders().take_found(claim.worker, &claim.wants);
    if !found.is_empty() {
        return Ok(found);
    }
    for _ in 0..TRIES {
        if let Some(claimed) = take(inner, claim).await? {
            return Ok(claimed);
        }
        let last = number_of_last(inner, claim.worker).await?;
        inner.holders().number_after(claim.worker, last);
    }
    Err(Error::storage_busy(
        format!("cannot claim jobs for worker {}: let one program claim for it at a time", claim.worker),
        "others claim for it all the time",
    )
    .into())
}

/// How often a claim is numbered anew where another store claimed for the same worker.
const TRIES: u32 = 10;

/// The rows are picked first, in the order of the index; an UPDATE over a plain subquery may change more than its limit.
///
/// They are locked then, so that they stay in their place and need no index to be found again.
///
/// Numbers that a damaged row may have come back into their bounds, so that it holds up no others and can be reported.
///
/// `me` locks the worker's row, so that no rescue comes between, and refuses a claim that comes after a later one.
static CLAIM: Statement = Statement {
    text: "WITH me AS (
               UPDATE {s}.workers SET claim = $3 WHERE id = $2 AND NOT lost AND claim < $3 RETURNING id),
           picked AS MATERIALIZED (
               SELECT job.ctid
               FROM me, unnest($4, $5, $6, $7, $8) AS want (queue, most, priority, run_at, seq),
               LATERAL (
                   SELECT ctid FROM {s}.jobs
                   WHERE state = 1 AND queue = want.queue
                       AND (jobs.priority, jobs.run_at, jobs.seq) >= (want.priority, want.run_at, want.seq)
                       AND kind = ANY($9)
                   ORDER BY jobs.priority, jobs.run_at, jobs.seq
                   LIMIT want.most
                   FOR UPDATE SKIP LOCKED) AS job
               WHERE NOT EXISTS (SELECT FROM {s}.queues WHERE name = want.queue AND paused)),
           taken AS (
               UPDATE {s}.jobs SET state = 2, attempt = greatest(0, least(attempt, 4294967294)) + 1,
                   fence = greatest(0, least(fence, 9223372036854775806)) + 1, worker = $2, claim = $3,
                   attempted_at = {now}, cancel_requested = false
               FROM picked WHERE jobs.ctid = picked.ctid
               RETURNING jobs.id, jobs.attempt, jobs.fence, kind, queue, args, max_attempts, timeout, run_at, priority,
                   seq, trace),
           tally AS (
               INSERT INTO {s}.tallies
               SELECT queue, 0, -count(*), count(*), 0, 0, 0, 0 FROM taken GROUP BY queue)
           SELECT taken.*,
               (SELECT (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000000)::bigint)
           FROM me LEFT JOIN taken ON true",
    types: &[
        Type::INT8,
        Type::UUID,
        Type::INT8,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// What is wanted of one queue, and from which place on.
struct Walk<'a> {
    queue: &'a str,
    most: usize,
    from: Place,
}

/// `None`: a later claim was made for this worker.
async fn take(inner: &Inner, claim: &Claim) -> Result<Option<Vec<Claimed>>, Fault> {
    let (worker, holders) = (claim.worker, inner.holders());
    let kinds = Wanted::of(&claim.kinds);
    let from = |queue: &str| holders.start(worker, queue, kinds.hash);
    let walks: Vec<Walk<'_>> =
        claim.wants.iter().map(|want| Walk { queue: &want.queue, most: want.limit, from: from(&want.queue) }).collect();
    let Some(mut claimed) = walk(inner, worker, &kinds, &walks).await? else { return Ok(None) };
    let count = |queue: &str| claimed.iter().filter(|job| &*job.queue == queue).count();
    let rest: Vec<Walk<'_>> = walks
        .iter()
        .map(|walk| Walk { most: walk.most.saturating_sub(count(walk.queue)), from: FRONT, ..*walk })
        .zip(&walks)
        .filter(|(rest, walk)| rest.most > 0 && walk.from != FRONT)
        .map(|(rest, _)| rest)
        .collect();
    if !rest.is_empty() {
        // What was claimed is the worker's whatever becomes of this; the answer to it can be had later.
        match walk(inner, worker, &kinds, &rest).await {
            Ok(more) => claimed.extend(more.unwrap_or_default()),
            Err(fault) if claimed.is_empty() => return Err(fault),
            Err(fault) => tracing::debug!(?fault, "the front of a queue was not looked through"),
        }
    }
    Ok(Some(claimed))
}

/// The kinds that a worker knows.
struct Wanted<'a> {
    kinds: Vec<&'a str>,
    hash: u64,
}

impl<'a> Wanted<'a> {
    fn of(kinds: &'a Kinds) -> Self {
        let mut kinds: Vec<&str> = kinds.iter().collect();
        kinds.sort_unstable();
        let mut hasher = DefaultHasher::new();
        kinds.hash(&mut hasher);
        Self { kinds, hash: hasher.finish() }
    }
}

async fn walk(
    inner: &Inner,
    worker: WorkerId,
    kinds: &Wanted<'_>,
    walks: &[Walk<'_>],
) -> Result<Option<Vec<Claimed>>, Fault> {
    let queues: Vec<&str> = walks.iter().map(|walk| walk.queue).collect();
    let limits: Vec<i64> = walks.iter().map(|walk| i64::try_from(walk.most).unwrap_or(i64::MAX)).collect();
    let priorities: Vec<i16> = walks.iter().map(|walk| walk.from.0).collect();
    let times: Vec<i64> = walks.iter().map(|walk| walk.from.1).collect();
    let seqs: Vec<i64> = walks.iter().map(|walk| walk.from.2).collect();
    let (database, id) = (&inner.database, rows::worker_uuid(&worker));
    let turn = inner.holders().begin(worker);
    let values: Parameters<'_> =
        &[&database.now(), &id, &turn.number, &queues, &limits, &priorities, &times, &seqs, &kinds.kinds];
    let found = inner.claiming.query(database, &CLAIM, values).await?;
    let claimed = found.iter().filter(|row| is_job(row)).map(|row| read(row, worker)).collect::<Result<Vec<_>, _>>()?;
    turn.end();
    let Some(took) = found.first().map(|row| row.try_get::<_, i64>(12)).transpose()? else { return Ok(None) };
    for walk in walks {
        let mine = claimed.iter().filter(|(job, _)| &*job.queue == walk.queue);
        let last = mine.clone().map(|(_, place)| *place).max();
        match last {
            Some(last) if mine.count() >= walk.most => {
                let took = Duration::from_micros(took.unsigned_abs());
                inner.holders().walked(worker, walk.queue, kinds.hash, walk.from, last, took);
            }
            _ => inner.holders().look_again(walk.queue),
        }
    }
    let mut claimed = claimed;
    claimed.sort_by_key(|(_, place)| *place);
    Ok(Some(claimed.into_iter().map(|(job, _)| job).collect()))
}

fn is_job(row: &Row) -> bool {
    row.try_get::<_, Option<Uuid>>(0).is_ok_and(|id| id.is_some())
}

/// A claimed job, and its place in the order of claiming.
fn read(row: &Row, worker: WorkerId) -> Result<(Claimed, Place), Fault> {
    let run_at: i64 = row.try_get(8)?;
    let job = Claimed {
        token: Token {
            job: rows::job_id(row.try_get(0)?),
            attempt: rows::number(row.try_get(1)?),
            fence: rows::fence(row.try_get(2)?),
            worker,
        },
        kind: Arc::from(row.try_get::<_, &str>(3)?),
        queue: Arc::from(row.try_get::<_, &str>(4)?),
        args: Json::from_stored(row.try_get::<_, String>(5)?),
        max_attempts: rows::number(row.try_get(6)?),
        timeout: row.try_get::<_, Option<i64>>(7)?.map(rows::timeout),
        run_at: Timestamp::from_micros(run_at),
        trace: row.try_get::<_, Option<&str>>(11)?.and_then(rows::trace),
    };
    Ok((job, (row.try_get(9)?, run_at, row.try_get(10)?)))
}

static SHUT: Statement = Statement {
    text: "UPDATE {s}.workers SET claim = $2 WHERE id = $1 AND NOT lost AND claim < $2 RETURNING claim",
    types: &[Type::UUID, Type::INT8],
};

static FOUND: Statement = Statement {
    text: "SELECT id, attempt, fence, kind, queue, args, max_attempts, timeout, run_at, priority, seq,
               trace
           FROM {s}.jobs
           WHERE state = 2 AND worker = $1 AND claim = ANY($2)",
    types: &[Type::UUID, Type::INT8_ARRAY],
};

/// Looks for the jobs of claims whose answer was lost. Those are shut out first, or have happened: the statement that
/// waits for one of them does not see its jobs yet, and the next one does.
async fn recover(inner: &Inner, worker: WorkerId) -> Result<(), Fault> {
    let lost = inner.holders().lost(worker);
    if lost.is_empty() {
        return Ok(());
    }
    let (database, id) = (&inner.database, rows::worker_uuid(&worker));
    let turn = inner.holders().begin(worker);
    let shut = database.query(&SHUT, &[&id, &turn.number]).await?;
    turn.end();
    if shut.is_empty() {
        let last = number_of_last(inner, worker).await?;
        inner.holders().number_after(worker, last);
    }
    let found = database.query(&FOUND, &[&id, &lost]).await?;
    let mut found = found.iter().map(|row| read(row, worker)).collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|(_, place)| *place);
    inner.holders().found(worker, &lost, found.into_iter().map(|(job, _)| job).collect());
    Ok(())
}

static LAST: Statement =
    Statement { text: "SELECT claim FROM {s}.workers WHERE id = $1 AND NOT lost", types: &[Type::UUID] };

async fn number_of_last(inner: &Inner, worker: WorkerId) -> Result<i64, Fault> {
    let found = inner.database.query(&LAST, &[&rows::worker_uuid(&worker)]).await?;
    match found.first() {
        Some(row) => Ok(row.try_get(0)?),
        None => {
            inner.holders().forget(worker);
            Err(Error::lease_lost(format_args!("worker {worker}")).into())
        }
    }
}
