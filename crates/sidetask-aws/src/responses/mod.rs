//! What became of jobs, in a DynamoDB table with the hash key `id` (text) and the TTL attribute `ttl`.
//!
//! An item is one job. Other tools may read it; times are microseconds since 1970 where nothing else is said.
//!
//! | attribute | type | meaning |
//! |---|---|---|
//! | `id` | S | the job's id, a UUID |
//! | `ttl` | N | from this second since 1970 on, the item counts as absent, whether DynamoDB has deleted it or not |
//! | `state` | S | `queued`, `running`, `completed` or `failed` |
//! | `kind`, `queue` | S | the function that it calls; the queue that the call named |
//! | `attempt`, `max_attempts` | N | the attempts used, the running one included; how many it may use |
//! | `fence` | N | counts the beginnings of attempts, and never goes back while there is an item |
//! | `fence_before` | N | the fence that the job was written with, where it goes on with those of an expired one |
//! | `created_at`, `run_at` | N | when it was written; when it is, or was, due |
//! | `attempted_at`, `finished_at` | N | when its last attempt began; when it ended |
//! | `key` | S | its idempotency key, if it has one |
//! | `sent` | BOOL | whether its sending is known to have succeeded; only of jobs that others may find, by key or given id |
//! | `holder`, `until` | S, N | while it runs: the event that brought it; when its environment stops at the latest |
//! | `begun` | S | while it runs: the request that began the attempt, so that a repeated one counts once |
//! | `progress` | M | what an attempt last said: `done` (N), `total` (N), `message` (S) |
//! | `errors` | L | the failed attempts, oldest first: M of `attempt` (N), `at` (N), `message` (S) |
//! | `failed_as` | S | of a failed job: `discarded` or `cancelled` |
//! | `output` | S | of a completed job: what it returned, as JSON |
//! | `output_at` | M | in its place, where it is too large: `bucket`, `key`, `sha256` (S), `size` (N, bytes) |
//!
//! A key is an item as well, which leads to its job. It stands for as long as that job does, whatever its own `ttl` says.
//!
//! | attribute | type | meaning |
//! |---|---|---|
//! | `id` | S | `key#` and the SHA-256 of kind and key |
//! | `ttl` | N | as above |
//! | `job` | S | the job's id |
//!
//! Arguments are not kept: they travel with the job, and are `null` in what is read from here.

use std::time::Duration;

use sidetask::{JobId, Json, Timestamp};

use crate::payload::Payloads;
use crate::sdk::Sdk;

mod admit;
mod batch;
mod begin;
mod conditional;
mod error;
mod expiry;
mod finish;
mod item;
mod keys;
mod put;
mod read;
mod record;
mod retry;
mod sent;

#[cfg(test)]
mod tests;

pub(crate) use error::explain;
pub(crate) use expiry::{expires, seconds};

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

/// How large an output may be to be kept in a bucket, in bytes. Whoever waits for it reads it into memory.
pub(crate) const STORED_OUTPUT_LIMIT: usize = 64 * 1024 * 1024;

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
    /// The job: this one, or the one that was there with the id or key. It is what is to be sent.
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
    /// It is this attempt, and reports with this fence. The attempt is over the job's limit where earlier ones were used
    /// up without a report: their environments died, or were stopped. Of this job as it was sent there were so many
    /// beginnings, this one and snoozed ones included.
    Run { attempt: u32, fence: u64, begun: u64 },
    /// The job has ended: there is nothing to do.
    Ended,
    /// Another delivery runs it, until then at the latest.
    Held { until: Timestamp },
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Completed(Json),
    /// It failed, and the service will deliver it again. A snoozed one has used no attempt, and its error is not kept.
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
}
