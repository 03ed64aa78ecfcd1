use sidetask_core::{Enqueued, NewJob};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::database::Work;
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
    let columns = Columns::of(inner, jobs);
    let payloads = database.announcer.payloads(&columns.news);
    let channel = &database.announcer.channel;
    database.query(&INSERT, &columns.values(&database.now(), channel, &payloads)).await?;
    let enqueued = columns.enqueued();
    database.announcer.publish(columns.news);
    Ok(enqueued)
}

/// The same in a transaction of the user's.
pub(crate) async fn enqueue_in(work: &Work<'_>, inner: &Inner, jobs: &[NewJob]) -> Result<Vec<Enqueued>, Fault> {
    let columns = Columns::of(inner, jobs);
    let announcer = work.announcer();
    let payloads = announcer.payloads(&columns.news);
    work.query(&INSERT, &columns.values(&work.now(), &announcer.channel, &payloads)).await?;
    Ok(columns.enqueued())
}

#[derive(Default)]
struct Columns<'a> {
    news: News,
    ids: Vec<Uuid>,
    priorities: Vec<i16>,
    ats: Vec<Option<i64>>,
    waits: Vec<i64>,
    max_attempts: Vec<i64>,
    queues: Vec<&'a str>,
    kinds: Vec<&'a str>,
    timeouts: Vec<Option<i64>>,
    args: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(inner: &Inner, jobs: &'a [NewJob]) -> Self {
        let now = inner.clock.now();
        let mut columns = Self::default();
        for job in jobs {
            let (at, wait) = match job.when {
                sidetask_core::When::At(time) => (Some(time.as_micros()), 0),
                sidetask_core::When::After(wait) => (None, rows::micros(wait)),
                _ => (None, 0),
            };
            columns.news.available.insert((&*job.queue).into());
            columns.news.scheduled |= at.is_some() || wait > 0;
            columns.ids.push(rows::job_uuid(&job.id.unwrap_or_else(|| inner.ids.job(now))));
            columns.ats.push(at);
            columns.waits.push(wait);
            columns.priorities.push(job.priority);
            columns.max_attempts.push(i64::from(job.max_attempts));
            columns.queues.push(&*job.queue);
            columns.kinds.push(&*job.kind);
            columns.timeouts.push(job.timeout.map(rows::micros));
            columns.args.push(job.args.as_str());
        }
        columns
    }

    fn values<'b>(
        &'b self,
        now: &'b Option<i64>,
        channel: &'b String,
        payloads: &'b Vec<String>,
    ) -> [&'b (dyn ToSql + Sync); 12] {
        [
            now,
            &self.ids,
            &self.priorities,
            &self.ats,
            &self.waits,
            &self.max_attempts,
            &self.queues,
            &self.kinds,
            &self.timeouts,
            &self.args,
            channel,
            payloads,
        ]
    }

    fn enqueued(&self) -> Vec<Enqueued> {
        self.ids.iter().map(|id| Enqueued { id: rows::job_id(*id), existed: false }).collect()
    }
}
