use sidetask_core::{Enqueued, JobId, NewJob};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;
use crate::store::Inner;

static INSERT: Statement = Statement {
    text: "WITH stored AS (
               INSERT INTO {s}.jobs
                   (id, state, priority, run_at, max_attempts, queue, kind, timeout, created_at, args)
               SELECT id, CASE WHEN due > {now} THEN 0 ELSE 1 END, priority, due, max_attempts, queue, kind, timeout,
                   {now}, args
               FROM (
                   SELECT *, coalesce(at, CASE WHEN wait > 9223372036854775807 - {now} THEN 9223372036854775807
                       ELSE {now} + wait END) AS due
                   FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) WITH ORDINALITY
                       AS job (id, priority, at, wait, max_attempts, queue, kind, timeout, args, place)
                   ORDER BY place) AS job
               RETURNING queue, state),
           tally AS (
               INSERT INTO {s}.tallies
               SELECT queue, count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1), 0, 0, 0, 0, 0
               FROM stored GROUP BY queue),
           told AS MATERIALIZED (
               SELECT pg_notify($11, payload) FROM unnest($12) AS payload)
           SELECT count(*) FROM told",
    types: &[
        Type::INT8,
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT,
        Type::TEXT_ARRAY,
    ],
};

/// Jobs without key, id, lane and tick, for now.
pub(crate) async fn enqueue(inner: &Inner, jobs: &[NewJob]) -> Result<Vec<Enqueued>, Fault> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let database = &inner.database;
    let now = inner.clock.now();
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id.unwrap_or_else(|| inner.ids.job(now))).collect();
    let uuids: Vec<Uuid> = ids.iter().map(rows::job_uuid).collect();
    let mut news = News::default();
    let (mut priorities, mut ats, mut waits, mut max_attempts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut queues, mut kinds, mut timeouts, mut args) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for job in jobs {
        let (at, wait) = match job.when {
            sidetask_core::When::At(time) => (Some(time.as_micros()), 0),
            sidetask_core::When::After(wait) => (None, rows::micros(wait)),
            _ => (None, 0),
        };
        news.available.insert((&*job.queue).into());
        news.scheduled |= at.is_some() || wait > 0;
        ats.push(at);
        waits.push(wait);
        priorities.push(job.priority);
        max_attempts.push(i64::from(job.max_attempts));
        queues.push(&*job.queue);
        kinds.push(&*job.kind);
        timeouts.push(job.timeout.map(rows::micros));
        args.push(job.args.as_str());
    }
    let payloads = database.announcer.payloads(&news);
    database
        .query(
            &INSERT,
            &[
                &database.now(),
                &uuids,
                &priorities,
                &ats,
                &waits,
                &max_attempts,
                &queues,
                &kinds,
                &timeouts,
                &args,
                &database.announcer.channel,
                &payloads,
            ],
        )
        .await?;
    database.announcer.publish(news);
    Ok(ids.into_iter().map(|id| Enqueued { id, existed: false }).collect())
}
