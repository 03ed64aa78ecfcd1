use std::collections::{HashMap, HashSet};

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Finish, JobId, State, Verdict};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::settle::{Held, Settlement, held};
use crate::database::{Database, Work};
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;

pub(crate) async fn finish(database: &Database, finishes: &[Finish]) -> Result<Vec<Verdict>, Fault> {
    let completed = complete(database, finishes).await?;
    let others: Vec<Finish> = finishes
        .iter()
        .filter(|finish| !matches!(finish.outcome, Outcome::Completed(_)) || !completed.contains(&finish.token.job))
        .cloned()
        .collect();
    let mut verdicts = match others.is_empty() {
        true => Vec::new(),
        false => database.transact(&others, |work, finishes| Box::pin(end(work, finishes))).await?,
    }
    .into_iter();
    Ok(finishes
        .iter()
        .map(|finish| match finish.outcome {
            Outcome::Completed(_) if completed.contains(&finish.token.job) => Verdict::Accepted(State::Completed),
            _ => verdicts.next().unwrap_or(Verdict::LeaseLost),
        })
        .collect())
}

/// The common case in one statement: what the lifecycle says of a completed attempt that nobody asked to stop, of a job
/// without a lane.
static COMPLETE: Statement = Statement {
    text: "WITH done AS (
               DELETE FROM {s}.jobs
               USING unnest($2, $3, $4, $5, $6) AS done (id, worker, attempt, fence, output)
               WHERE jobs.id = done.id AND jobs.worker = done.worker AND jobs.attempt = done.attempt
                   AND jobs.fence = done.fence AND state = 2 AND NOT cancel_requested AND lane IS NULL
               RETURNING seq, run_at, created_at, attempted_at, {now}, timeout, jobs.fence, jobs.attempt, max_attempts,
                   lane_width, jobs.id, 4::smallint, priority, cancel_requested, named, queue, kind, key, lane, progress,
                   errors, args, done.output),
           kept AS (
               INSERT INTO {s}.history
                   (seq, run_at, created_at, attempted_at, finished_at, timeout, fence, attempt, max_attempts, lane_width,
                    id, state, priority, cancel_requested, named, queue, kind, key, lane, progress, errors, args, output)
               SELECT * FROM done
               RETURNING id, queue),
           tally AS (
               INSERT INTO {s}.tallies
               SELECT queue, 0, 0, -count(*), 0, count(*), 0, 0 FROM kept GROUP BY queue),
           told AS MATERIALIZED (
               SELECT pg_notify($7, payload) FROM unnest($8) AS payload)
           SELECT id FROM kept LEFT JOIN told ON true",
    types: &[
        Type::INT8,
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT,
        Type::TEXT_ARRAY,
    ],
};

/// Answers which jobs it ended.
async fn complete(database: &Database, finishes: &[Finish]) -> Result<HashSet<JobId>, Fault> {
    let mut news = News::default();
    let (mut ids, mut workers, mut attempts, mut fences, mut outputs) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for finish in finishes {
        if let Outcome::Completed(output) = &finish.outcome {
            ids.push(rows::job_uuid(&finish.token.job));
            workers.push(rows::worker_uuid(&finish.token.worker));
            attempts.push(i64::from(finish.token.attempt));
            fences.push(finish.token.fence.cast_signed());
            outputs.push(output.as_str());
            news.finished.push((finish.token.job, State::Completed));
        }
    }
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let announcer = &database.announcer;
    let payloads = announcer.payloads(&news);
    let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&database.now(), &ids, &workers, &attempts, &fences, &outputs, &announcer.channel, &payloads];
    let kept = database.query(&COMPLETE, values).await?;
    let kept: Result<HashSet<JobId>, Fault> = kept.iter().map(|row| Ok(rows::job_id(row.try_get(0)?))).collect();
    let kept = kept?;
    news.finished.retain(|(id, _)| kept.contains(id));
    announcer.publish(news);
    Ok(kept)
}

static LOCK: Statement = Statement {
    text: concat!("SELECT ", held!(), " FROM {s}.jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE"),
    types: &[Type::UUID_ARRAY],
};

async fn end(work: &Work<'_>, finishes: &[Finish]) -> Result<(Vec<Verdict>, News), Fault> {
    let ids: Vec<Uuid> = finishes.iter().map(|finish| rows::job_uuid(&finish.token.job)).collect();
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
