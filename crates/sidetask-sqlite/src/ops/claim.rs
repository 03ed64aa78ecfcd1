use std::sync::Arc;

use rusqlite::params;
use sidetask_core::{Claim, Claimed, Error, Event, Json, Kinds, State, Timestamp, Token, Want, WorkerId};

use crate::rows;
use crate::unit::{Row, Unit};

/// The inner error is the answer to a worker that is not known.
pub(crate) fn claim(unit: &mut Unit<'_>, claim: &Claim) -> rusqlite::Result<Result<Vec<Claimed>, Error>> {
    if !is_known(unit, claim.worker)? {
        return Ok(Err(Error::lease_lost(format_args!("worker {}", claim.worker))));
    }
    let mut claimed = Vec::new();
    for want in &claim.wants {
        if want.limit > 0 && !unit.is_paused(&want.queue)? {
            claim_from(unit, claim.worker, &claim.kinds, want, &mut claimed)?;
        }
    }
    Ok(Ok(claimed))
}

/// A worker that nobody rescued from in the meantime may go on, even where its lease ran out.
fn is_known(unit: &Unit<'_>, worker: WorkerId) -> rusqlite::Result<bool> {
    unit.statement("SELECT 1 FROM sidetask_workers WHERE id = ?1")?.exists(params![worker.as_bytes()])
}

fn claim_from(
    unit: &mut Unit<'_>,
    worker: WorkerId,
    kinds: &Kinds,
    want: &Want,
    claimed: &mut Vec<Claimed>,
) -> rusqlite::Result<()> {
    let queue = unit.name(&want.queue);
    for seq in candidates(unit, kinds, want)? {
        let (job, lane) = take(unit, worker, &queue, seq)?;
        let row = Row { seq, queue: Arc::clone(&queue), lane, due: job.run_at, begun: unit.now };
        unit.remember(job.token.job, row);
        unit.detail(|| Event::Claimed { token: job.token });
        claimed.push(job);
        unit.moved(&queue, Some(State::Available), Some(State::Running));
    }
    Ok(())
}

/// Kinds are looked at here and not in the query, which would need them as a list; rows of an unknown kind are passed
/// over without being read any further.
fn candidates(unit: &Unit<'_>, kinds: &Kinds, want: &Want) -> rusqlite::Result<Vec<i64>> {
    let mut statement = unit.statement(
        "SELECT seq, kind FROM sidetask_jobs WHERE state = 1 AND queue = ?1 ORDER BY priority, run_at, seq",
    )?;
    let mut found = statement.query(params![want.queue])?;
    let mut chosen = Vec::with_capacity(want.limit.min(1024));
    while chosen.len() < want.limit
        && let Some(row) = found.next()?
    {
        if row.get_ref(1)?.as_str().is_ok_and(|kind| kinds.contains(kind)) {
            chosen.push(row.get(0)?);
        }
    }
    Ok(chosen)
}

/// Answers the job's lane as well. Numbers that a damaged row may have come back into their bounds, so that it holds up no
/// others and can be reported.
fn take(
    unit: &Unit<'_>,
    worker: WorkerId,
    queue: &Arc<str>,
    seq: i64,
) -> rusqlite::Result<(Claimed, Option<Arc<str>>)> {
    unit.statement(
        "UPDATE sidetask_jobs
         SET state = 2, attempt = max(0, min(attempt, 4294967294)) + 1,
             fence = max(0, min(fence, 9223372036854775806)) + 1, worker = ?2, attempted_at = ?3, cancel_requested = 0
         WHERE seq = ?1
         RETURNING id, attempt, fence, kind, args, max_attempts, timeout, run_at, lane, trace",
    )?
    .query_row(params![seq, worker.as_bytes(), unit.now.as_micros()], |row| {
        let claimed = Claimed {
            token: Token {
                job: rows::job_id(row, 0)?,
                attempt: rows::number(row, 1)?,
                fence: rows::fence(row, 2)?,
                worker,
            },
            kind: rows::text(row, 3)?.into(),
            queue: Arc::clone(queue),
            args: Json::from_stored(rows::text(row, 4)?),
            max_attempts: rows::number(row, 5)?,
            timeout: rows::timeout(row, 6)?,
            run_at: Timestamp::from_micros(row.get(7)?),
            trace: rows::trace(row, 9)?,
        };
        Ok((claimed, rows::optional_text(row, 8)?.map(Arc::from)))
    })
}
