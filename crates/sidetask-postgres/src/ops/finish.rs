use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::lifecycle::{self, Outcome, Policy, Standing};
use sidetask_core::{Finish, Json, State, Timestamp, Token, Verdict};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::lane;
use super::log::{self, logging};
use super::settle::{Held, Settlement, held};
use crate::database::Work;
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;
use crate::store::Inner;

/// Ends attempts: where all of them completed, in one statement, and otherwise in one transaction.
pub(crate) async fn finish(inner: &Inner, mut finishes: Vec<Finish>) -> Result<Vec<Verdict>, Fault> {
    finishes.iter_mut().for_each(readable);
    let outputs: Option<Vec<Completed<'_>>> = finishes
        .iter()
        .map(|finish| match &finish.outcome {
            Outcome::Completed(output) => {
                Some(Completed { token: &finish.token, output: output.as_str(), log: finish.log.as_deref() })
            }
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
    finish.log = finish.log.as_ref().map(log::kept);
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
macro_rules! complete {
    ($reported:literal, $held:literal, $done:literal, $logged:expr) => {
        concat!(
            "WITH held AS MATERIALIZED (
                 SELECT job.place, job.lane, report.*
                 FROM unnest($2, $3, $4, $5, $6",
            $reported,
            ") AS report (id, worker, attempt, fence, output",
            $held,
            "),
                 LATERAL (
                     SELECT jobs.ctid AS place, lane FROM {s}.jobs
                     WHERE jobs.id = report.id AND jobs.worker = report.worker AND jobs.attempt = report.attempt
                         AND jobs.fence = report.fence AND state::int = 2
                     FOR UPDATE) AS job),
             done AS (
                 DELETE FROM {s}.jobs
                 USING held
                 WHERE jobs.ctid = held.place AND NOT EXISTS (SELECT FROM held WHERE lane IS NOT NULL)
                 RETURNING seq, run_at, created_at, attempted_at, {now} AS finished_at, timeout, jobs.fence, jobs.attempt,
                     max_attempts, lane_width, jobs.id, CASE WHEN cancel_requested THEN $7 ELSE $8 END AS state, priority,
                     cancel_requested, named, queue, kind, key, jobs.lane, progress, errors, args,
                     CASE WHEN cancel_requested THEN jobs.output ELSE held.output END AS output, trace",
            $done,
            "),
             kept AS (
                 INSERT INTO {s}.history
                     (seq, run_at, created_at, attempted_at, finished_at, timeout, fence, attempt, max_attempts, lane_width,
                      id, state, priority, cancel_requested, named, queue, kind, key, lane, progress, errors, args, output,
                      trace)
                 SELECT seq, run_at, created_at, attempted_at, finished_at, timeout, fence, attempt, max_attempts,
                     lane_width, id, state, priority, cancel_requested, named, queue, kind, key, lane, progress, errors,
                     args, output, trace
                 FROM done
                 RETURNING id, fence, queue, state, run_at, attempted_at, finished_at),
             ",
            $logged,
            "tally AS (
                 INSERT INTO {s}.tallies
                     (queue, scheduled, available, running, retryable, completed, cancelled, discarded, minute, attempts,
                      waited, ran, longest)
                 SELECT queue, 0, 0, -count(*), 0, count(*) FILTER (WHERE state = 4), count(*) FILTER (WHERE state = 5),
                     count(*) FILTER (WHERE state = 6), max(finished_at) / 60000000 * 60000000, count(*),
                     least(sum(greatest(0, attempted_at::float8 - run_at)), 9e18)::bigint,
                     least(sum(greatest(0, finished_at::float8 - attempted_at)), 9e18)::bigint,
                     least(max(greatest(0, finished_at::float8 - attempted_at)), 9e18)::bigint
                 FROM kept GROUP BY queue)
             SELECT is_laned, id, state, fence
             FROM (SELECT EXISTS (SELECT FROM held WHERE lane IS NOT NULL) AS is_laned) AS all_of_them
             LEFT JOIN kept ON true"
        )
    };
}

static COMPLETE: Statement = Statement {
    text: complete!("", "", "", ""),
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

/// The same where some have logged something.
static COMPLETE_LOGGED: Statement = Statement {
    text: complete!(", $9", ", log", ", held.log", logging!("done")),
    types: &[
        Type::INT8,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT2,
        Type::INT2,
        Type::TEXT_ARRAY,
    ],
};

/// An attempt that completed.
#[derive(Clone, Copy)]
struct Completed<'a> {
    token: &'a Token,
    output: &'a str,
    log: Option<&'a str>,
}

/// `None`: others have to be let into a lane, and nothing was done.
async fn complete(inner: &Inner, reports: &[Completed<'_>]) -> Result<Option<Vec<Verdict>>, Fault> {
    let (Some(asked), Some(left_alone)) = (completed(true), completed(false)) else { return Ok(None) };
    // In the order of the ids, in which all lock them.
    let mut sorted = BTreeMap::new();
    for report in reports {
        sorted.entry((rows::job_uuid(&report.token.job), report.token.fence)).or_insert(*report);
    }
    let ids: Vec<Uuid> = sorted.keys().map(|(id, _)| *id).collect();
    let workers: Vec<Uuid> = sorted.values().map(|report| rows::worker_uuid(&report.token.worker)).collect();
    let attempts: Vec<i64> = sorted.values().map(|report| i64::from(report.token.attempt)).collect();
    let fences: Vec<i64> = sorted.values().map(|report| report.token.fence.cast_signed()).collect();
    let texts: Vec<&str> = sorted.values().map(|report| report.output).collect();
    let database = &inner.database;
    let (now, asked, left_alone) = (database.now(), rows::code(asked), rows::code(left_alone));
    let mut values: Vec<&(dyn ToSql + Sync)> =
        vec![&now, &ids, &workers, &attempts, &fences, &texts, &asked, &left_alone];
    let logs: Vec<Option<&str>> = sorted.values().map(|report| report.log).collect();
    let statement = match logs.iter().any(Option::is_some) {
        true => {
            values.push(&logs);
            &COMPLETE_LOGGED
        }
        false => &COMPLETE,
    };
    let kept = inner.working.query(database, statement, &values).await?;
    let mut ended = HashMap::new();
    for row in &kept {
        if row.try_get(0)? {
            return Ok(None);
        }
        if let Some(id) = row.try_get(1)? {
            ended.insert((rows::job_id(id), rows::fence(row.try_get(3)?)), rows::state(row.try_get(2)?));
        }
    }
    let news = News { finished: ended.iter().map(|((id, _), state)| (*id, *state)).collect(), ..News::default() };
    database.tell_others(&news);
    database.announcer.publish(news);
    // A job is ended once, however often it is reported: by the report that was sent of it.
    let mut verdict = |report: &Completed<'_>| {
        let token = report.token;
        let sent = sorted.get(&(rows::job_uuid(&token.job), token.fence));
        let is_sent = sent.is_some_and(|sent| std::ptr::eq(sent.token, token));
        let state = if is_sent { ended.remove(&(token.job, token.fence)) } else { None };
        state.map_or(Verdict::LeaseLost, Verdict::Accepted)
    };
    Ok(Some(reports.iter().map(&mut verdict).collect()))
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
    let (mut verdicts, mut logs) = (Vec::with_capacity(finishes.len()), Vec::new());
    for finish in finishes {
        let token = &finish.token;
        // A job is ended once, however often it is reported, and a report that comes too late leaves it to another.
        let is_held = held.get(&token.job).is_some_and(|job| job.is_held_by(token));
        let job = if is_held { held.remove(&token.job) } else { None };
        let state = job.and_then(|job| settlement.end(&job, &finish.outcome, finish.retry_in, now));
        if let (Some(_), Some(log)) = (state, &finish.log) {
            logs.push((*token, Arc::clone(log)));
        }
        verdicts.push(state.map_or(Verdict::LeaseLost, Verdict::Accepted));
    }
    log::write(work, &logs).await?;
    settlement.write(work, now, &mut news).await?;
    Ok((verdicts, news))
}
