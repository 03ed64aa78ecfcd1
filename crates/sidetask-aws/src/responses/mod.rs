//! What became of jobs, in a DynamoDB table with the hash key `id` (text) and the TTL attribute `ttl` (seconds).

use std::time::Duration;

use sidetask::core::Verdict;
use sidetask::{Error, JobId, JobRecord, Json, Progress, Timestamp};

use crate::payload::Payloads;
use crate::sdk::Sdk;

/// A table of responses.
#[derive(Clone, Debug)]
pub(crate) struct Responses {
    sdk: Sdk,
    table: String,
    /// How long a response is kept after its last change.
    ttl: Duration,
    /// Where outputs over the limit go.
    outputs: Option<Payloads>,
}

/// How large an output may be to be kept in the table, in bytes. An item may have 400 KB in all.
pub(crate) const OUTPUT_LIMIT: usize = 350 * 1024;

/// A job about to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) max_attempts: u32,
    /// When it is due.
    pub(crate) run_at: Timestamp,
    pub(crate) key: Option<String>,
    /// Whether its id was given by its caller, so that there may be one already.
    pub(crate) id_given: bool,
}

/// What the table says of a job about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// The job: this one, or the one that was there with the id or key.
    pub(crate) id: JobId,
    pub(crate) existed: bool,
    /// Whether it is to be sent: it is new, or nobody knows that it was ever sent.
    pub(crate) send: bool,
}

/// One delivery of a job to a handler.
#[derive(Clone, Debug)]
pub(crate) struct Delivery<'a> {
    pub(crate) id: JobId,
    pub(crate) kind: &'a str,
    pub(crate) max_attempts: u32,
    /// Names the event: the same for every try that the service makes of one event, which it never makes at once, so
    /// that a delivery of the same name takes over.
    pub(crate) holder: &'a str,
    /// Until when this delivery may run.
    pub(crate) until: Timestamp,
}

/// Whether a delivery is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It is this attempt, and reports with this fence.
    Run { attempt: u32, fence: u64 },
    /// The job has ended: there is nothing to do.
    Ended,
    /// Another delivery runs it, until then at the latest.
    Held { until: Timestamp },
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Completed(Json),
    /// It failed, and the service will deliver it again.
    Again {
        error: String,
        snoozed: bool,
    },
    /// It failed for good.
    Discarded(String),
    Cancelled(String),
}

impl Responses {
    pub(crate) fn new(sdk: Sdk, table: String, ttl: Duration, outputs: Option<Payloads>) -> Self {
        Self { sdk, table, ttl, outputs }
    }

    /// Writes `queued` for each job, before it is sent. In order, one answer each.
    pub(crate) async fn admit(&self, jobs: &[Queued], now: Timestamp) -> Vec<Result<Admitted, Error>> {
        let _ = (now, &self.sdk, &self.table, self.ttl, &self.outputs);
        jobs.iter().map(|_| Err(Error::unsupported("not yet"))).collect()
    }

    /// Takes note that jobs which others may find (by id or key) were sent.
    pub(crate) async fn sent(&self, ids: &[JobId]) -> Result<(), Error> {
        let _ = ids;
        Err(Error::unsupported("not yet"))
    }

    /// Takes back jobs whose sending was refused, unless they were begun.
    pub(crate) async fn unsent(&self, jobs: &[Queued]) -> Result<(), Error> {
        let _ = jobs;
        Err(Error::unsupported("not yet"))
    }

    /// Begins an attempt, unless the job has ended or another delivery holds it.
    pub(crate) async fn begin(&self, delivery: &Delivery<'_>, now: Timestamp) -> Result<Begun, Error> {
        let _ = (delivery, now);
        Err(Error::unsupported("not yet"))
    }

    /// Keeps progress, and the job for another TTL.
    pub(crate) async fn progress(
        &self,
        id: JobId,
        fence: u64,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<Verdict, Error> {
        let _ = (id, fence, progress, now);
        Err(Error::unsupported("not yet"))
    }

    /// Keeps the job for another TTL.
    pub(crate) async fn refresh(&self, id: JobId, fence: u64, now: Timestamp) -> Result<Verdict, Error> {
        let _ = (id, fence, now);
        Err(Error::unsupported("not yet"))
    }

    /// Ends an attempt.
    pub(crate) async fn finish(&self, id: JobId, fence: u64, end: &End, now: Timestamp) -> Result<Verdict, Error> {
        let _ = (id, fence, end, now);
        Err(Error::unsupported("not yet"))
    }

    /// Reads jobs; `None` for one that is not there or whose time is over.
    pub(crate) async fn read(&self, ids: &[JobId], now: Timestamp) -> Result<Vec<Option<JobRecord>>, Error> {
        let _ = (ids, now);
        Err(Error::unsupported("not yet"))
    }
}
