use sidetask_core::{JobId, NewJob, When};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::rows;

/// Jobs to be stored as a statement takes them: an array a column, in the order of [`job!`].
#[derive(Default)]
pub(super) struct Columns<'a> {
    ids: Vec<Uuid>,
    priorities: Vec<i16>,
    ats: Vec<Option<i64>>,
    waits: Vec<i64>,
    max_attempts: Vec<i64>,
    timeouts: Vec<Option<i64>>,
    queues: Vec<&'a str>,
    kinds: Vec<&'a str>,
    args: Vec<&'a str>,
    traces: Vec<Option<String>>,
}

/// The arrays of [`Columns`] as rows, with the time at which each is due.
macro_rules! job {
    ($more_values:literal, $more_names:literal) => {
        concat!(
            "(SELECT *, coalesce(at, CASE WHEN wait > 9223372036854775807 - {now} THEN 9223372036854775807
                 ELSE {now} + wait END) AS due
             FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11",
            $more_values,
            ") WITH ORDINALITY
                 AS job (id, priority, at, wait, max_attempts, timeout, queue, kind, args, trace",
            $more_names,
            ", place)) AS job"
        )
    };
}

pub(super) use job;

impl<'a> Columns<'a> {
    pub(super) fn of(ids: &[JobId], jobs: &[&'a NewJob]) -> Self {
        let (ats, waits) = jobs.iter().map(|job| due(job)).unzip();
        Self {
            ids: ids.iter().map(rows::job_uuid).collect(),
            priorities: jobs.iter().map(|job| job.priority).collect(),
            ats,
            waits,
            max_attempts: jobs.iter().map(|job| i64::from(job.max_attempts)).collect(),
            timeouts: jobs.iter().map(|job| job.timeout.map(rows::micros)).collect(),
            queues: jobs.iter().map(|job| &*job.queue).collect(),
            kinds: jobs.iter().map(|job| &*job.kind).collect(),
            args: jobs.iter().map(|job| job.args.as_str()).collect(),
            traces: jobs.iter().map(|job| trace(job)).collect(),
        }
    }

    pub(super) fn values(&self) -> [&(dyn ToSql + Sync); 10] {
        [
            &self.ids,
            &self.priorities,
            &self.ats,
            &self.waits,
            &self.max_attempts,
            &self.timeouts,
            &self.queues,
            &self.kinds,
            &self.args,
            &self.traces,
        ]
    }
}

/// The span that a job is enqueued in, as it is stored.
pub(super) fn trace(job: &NewJob) -> Option<String> {
    job.trace.as_ref().map(ToString::to_string)
}

/// When a job is due: at a time, or after so many microseconds.
pub(super) fn due(job: &NewJob) -> (Option<i64>, i64) {
    match job.when {
        When::At(time) => (Some(time.as_micros()), 0),
        When::After(wait) => (None, rows::micros(wait)),
        _ => (None, 0),
    }
}
