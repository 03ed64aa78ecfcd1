use std::collections::BTreeMap;
use std::sync::Arc;

use sidetask_core::{Enqueued, JobId, NewJob};
use tokio_postgres::types::Type;

use super::columns::{due, trace};
use super::tell::Stored;
use crate::database::{Parameters, Work};
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;
use crate::store::Inner;

/// What is copied, and under which ids.
struct Call<'a> {
    ids: Vec<JobId>,
    jobs: &'a [NewJob],
}

/// Copies jobs without a given id, key, lane and tick in, which is the quickest way for many.
pub(super) async fn enqueue(inner: &Arc<Inner>, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Fault> {
    let ids = super::ids(inner, &jobs.iter().collect::<Vec<_>>());
    let call = Call { ids, jobs: &jobs };
    inner.database.transact(&call, |work, call| Box::pin(copy(work, call))).await
}

static COPY: Statement = Statement {
    text: "COPY {s}.jobs (id, state, priority, run_at, max_attempts, timeout, created_at, queue, kind, args,
               trace)
           FROM STDIN BINARY",
    types: &[
        Type::UUID,
        Type::INT2,
        Type::INT2,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
    ],
};

static TALLY: Statement = Statement {
    text: "INSERT INTO {s}.tallies SELECT queue, scheduled, available, 0, 0, 0, 0, 0
           FROM unnest($1, $2, $3) AS sums (queue, scheduled, available)",
    types: &[Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY],
};

async fn copy(work: &Work<'_>, call: &Call<'_>) -> Result<(Vec<Enqueued>, News), Fault> {
    let now = work.time().await?.as_micros();
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut stored = Stored::new(work.announcer());
    let mut writer = std::pin::pin!(work.copy_in(&COPY).await?);
    for (job, id) in call.jobs.iter().zip(&call.ids) {
        let (at, wait) = due(job);
        let due = at.unwrap_or_else(|| now.saturating_add(wait));
        let is_scheduled = due > now;
        let sum = sums.entry(&job.queue).or_default();
        *(if is_scheduled { &mut sum.0 } else { &mut sum.1 }) += 1;
        stored.add(&job.queue, is_scheduled, (!is_scheduled).then_some((job.priority, due)));
        stored.step(*id, job, is_scheduled);
        let state = i16::from(!is_scheduled);
        let write = async {
            let (id, max_attempts, timeout) =
                (rows::job_uuid(id), i64::from(job.max_attempts), job.timeout.map(rows::micros));
            let (queue, kind, args): (&str, &str, &str) = (&job.queue, &job.kind, job.args.as_str());
            let trace = trace(job);
            let row: Parameters<'_> =
                &[&id, &state, &job.priority, &due, &max_attempts, &timeout, &now, &queue, &kind, &args, &trace];
            Ok(writer.as_mut().write(row).await?)
        };
        work.within(write).await?;
    }
    work.within(async { Ok(writer.finish().await?) }).await?;
    let queues: Vec<&str> = sums.keys().copied().collect();
    let (scheduled, available): (Vec<i64>, Vec<i64>) = sums.values().copied().unzip();
    work.query(&TALLY, &[&queues, &scheduled, &available]).await?;
    let news = stored.news();
    Ok((call.ids.iter().map(|&id| Enqueued { id, existed: false }).collect(), news))
}
