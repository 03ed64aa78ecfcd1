use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sidetask_core::lifecycle::{self, Outcome, Policy, Standing};
use sidetask_core::{Finish, Json, State, Timestamp, Token, Verdict};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::lane;
use super::settle::{Held, Settlement, held};
use crate::database::{Parameters, Work};
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;
use crate::store::Inner;

/// Ends attempts: where all of them completed, in one statement, and otherwise in one transaction.
pub(crate) async fn finish(inner: &Inner, mut finishes: Vec<Finish>) -> Result<Vec<Verdict>, Fault> {
    finishes.iter_mut().for_each(readable);
    let outputs: Option<Vec<(&Token, &str)>> = finishes
        .iter()
        .map(|finish| match &finish.outcome {
            Outcome::Completed(output) => Some((&finish.token, output.as_str())),
            _ => None,
        })
        .collect();
    match outputs {
        _ if finishes.is_empty() => return Ok(Vec::new()),
        Some(outputs) if outputs.len() == finishes.len() => {
            if let Some(verdicts) = complete(inner, &outputs).await? {
                return look_again(inner, &finishes, verdicts).await;
            }
        }
        _ => {}
    }
    inner.database.transact(&finishes, |work, finishes| Box::pin(end(work, finishes))).await
}

/// Asks again for those that were not held any more: a job that was changed while the statement began, by somebody who asked
/// it to stop for instance, is locked as it is now and deleted as it was then, which it is not any more.
async fn look_again(inner: &Inner, finishes: &[Finish], mut verdicts: Vec<Verdict>) -> Result<Vec<Verdict>, Fault> {
    let refused: Vec<usize> = (0..verdicts.len()).filter(|at| verdicts[*at] == Verdict::LeaseLost).collect();
    if !refused.is_empty() {
        let finishes: Vec<Finish> = refused.iter().map(|at| finishes[*at].clone()).collect();
        let again = inner.database.transact(&finishes, |work, finishes| Box::pin(end(work, finishes))).await?;
        refused.into_iter().zip(again).for_each(|(at, verdict)| verdicts[at] = verdict);
    }
    Ok(verdicts)
}

/// PostgreSQL keeps no NUL in text. No JSON has one; in what is none another character stands for it, so that a report
/// is never refused for ever.
fn readable(finish: &mut Finish) {
    if let Outcome::Completed(output) = &mut finish.outcome
        && output.as_str().contains('\0')
    {
        *output = Json::from_stored(output.as_str().replace('\0', "\u{fffd}"));
    }
}

/// The common case in one statement. It writes what the lifecycle says of a completed attempt, of a job that nobody asked
/// to stop and of one that somebody did.
///
/// Where a job with a lane is among them it does nothing and says so, since others are to be let in then.
///
/// Each job is looked for by itself and locked, and `state::int` fits no index: whatever the planner takes the tables to
/// be like, it has no other way than from a report to its job by the id.
static COMPLETE: Statement = Statement {
    text: "WITH held AS MATERIALIZED (
               SELECT job.place, job.lane, report.output
               FROM unnest($2, $3, $4, $5, $6) AS report (id, worker, attempt, fence, output),
               LATERAL (
                   SELECT jobs.ctid AS place, lane FROM {s}.jobs
                   WHERE jobs.id = report.id AND jobs.worker = report.worker AND jobs.attempt = report.attempt
                       AND jobs.fence = report.fence AND state::int = 2
                   FOR UPDATE) AS job),
           done AS (
               DELETE FROM {s}.jobs
               USING held
               WHERE jobs.ctid = held.place AND NOT EXISTS (SELECT FROM held WHERE lane IS NOT NULL)
               RETURNING seq, run_at, created_at, attempted_at, {now}, timeout, fence, attempt, max_attempts, lane_width,
                   id, CASE WHEN cancel_requested THEN $7 ELSE $8 END, priority, cancel_requested, named, queue, kind,
                   key, jobs.lane, progress, errors, args,
                   CASE WHEN cancel_requested THEN jobs.output ELSE held.output END),
           kept AS (
               INSERT INTO {s}.history
                   (seq, run_at, created_at, attempted_at, finished_at, timeout, fence, attempt, max_attempts, lane_width,
                    id, state, priority, cancel_requested, named, queue, kind, key, lane, progress, errors, args, output)
               SELECT * FROM done
               RETURNING id, queue, state),
           tally AS (
               INSERT INTO {s}.tallies
               SELECT queue, 0, 0, -count(*), 0, count(*) FILTER (WHERE state = 4), count(*) FILTER (WHERE state = 5),
                   count(*) FILTER (WHERE state = 6)
               FROM kept GROUP BY queue)
           SELECT is_laned, id, state
           FROM (SELECT EXISTS (SELECT FROM held WHERE lane IS NOT NULL) AS is_laned) AS all_of_them
           LEFT JOIN kept ON true",
    types: &[
        Type::INT8,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT2,
        Type::INT2,
    ],
};

/// `None`: others have to be let into a lane, and nothing was done.
async fn complete(inner: &Inner, outputs: &[(&Token, &str)]) -> Result<Option<Vec<Verdict>>, Fault> {
    let (Some(asked), Some(left_alone)) = (completed(true), completed(false)) else { return Ok(None) };
    // In the order of the ids, in which all lock them.
    let mut sorted = BTreeMap::new();
    for (token, output) in outputs {
        sorted.entry((rows::job_uuid(&token.job), token.fence)).or_insert((*token, *output));
    }
    let ids: Vec<Uuid> = sorted.keys().map(|(id, _)| *id).collect();
    let workers: Vec<Uuid> = sorted.values().map(|(token, _)| rows::worker_uuid(&token.worker)).collect();
    let attempts: Vec<i64> = sorted.values().map(|(token, _)| i64::from(token.attempt)).collect();
    let fences: Vec<i64> = sorted.values().map(|(token, _)| token.fence.cast_signed()).collect();
    let texts: Vec<&str> = sorted.values().map(|(_, output)| *output).collect();
    let database = &inner.database;
    let values: Parameters<'_> =
        &[&database.now(), &ids, &workers, &attempts, &fences, &texts, &rows::code(asked), &rows::code(left_alone)];
    let kept = inner.working.query(database, &COMPLETE, values).await?;
    let mut ended = HashMap::new();
    for row in &kept {
        if row.try_get(0)? {
            return Ok(None);
        }
        if let Some(id) = row.try_get(1)? {
            ended.insert(rows::job_id(id), rows::state(row.try_get(2)?));
        }
    }
    let news = News { finished: ended.iter().map(|(id, state)| (*id, *state)).collect(), ..News::default() };
    database.tell_others(&news);
    database.announcer.publish(news);
    // A job is ended once, however often it is reported: by the report that was sent of it.
    let mut verdict = |(token, _): &(&Token, &str)| {
        let is_sent =
            sorted.get(&(rows::job_uuid(&token.job), token.fence)).is_some_and(|(sent, _)| std::ptr::eq(*sent, *token));
        let state = if is_sent { ended.remove(&token.job) } else { None };
        state.map_or(Verdict::LeaseLost, Verdict::Accepted)
    };
    Ok(Some(outputs.iter().map(&mut verdict).collect()))
}

/// What the lifecycle says of an attempt that completed.
fn completed(cancel_requested: bool) -> Option<State> {
    let standing = Standing { state: State::Running, attempt: 1, cancel_requested };
    let policy = Policy { max_attempts: 1, retry_in: Duration::ZERO };
    let outcome = Outcome::Completed(Json::from_stored("null"));
    lifecycle::next(standing, &outcome, policy, Timestamp::from_micros(0)).map(|next| next.state)
}

static LOCK: Statement = Statement {
    text: concat!("SELECT ", held!(), " FROM {s}.jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE"),
    types: &[Type::UUID_ARRAY],
};

async fn end(work: &Work<'_>, finishes: &[Finish]) -> Result<(Vec<Verdict>, News), Fault> {
    let ids: Vec<Uuid> = finishes.iter().map(|finish| rows::job_uuid(&finish.token.job)).collect();
    lane::lock_of(work, &ids).await?;
    let mut held = HashMap::new();
    for row in work.query(&LOCK, &[&ids]).await? {
        let job = Held::read(&row)?;
        held.insert(job.id, job);
    }
    let now = work.time().await?;
    let (mut settlement, mut news) = (Settlement::default(), News::default());
    let mut verdicts = Vec::with_capacity(finishes.len());
    for finish in finishes {
        let token = &finish.token;
        // A job is ended once, however often it is reported.
        let job = held.remove(&token.job).filter(|job| job.is_held_by(token));
        let state = job.and_then(|job| settlement.end(&job, &finish.outcome, finish.retry_in, now));
        verdicts.push(state.map_or(Verdict::LeaseLost, Verdict::Accepted));
    }
    settlement.write(work, now, &mut news).await?;
    Ok((verdicts, news))
}
