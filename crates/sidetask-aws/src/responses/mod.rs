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

use crate::payload::Payloads;
use crate::sdk::Sdk;

#[cfg(feature = "__dispatch")]
mod admit;
mod batch;
#[cfg(feature = "handler")]
mod begin;
#[cfg(any(feature = "__dispatch", feature = "handler"))]
mod conditional;
mod error;
mod expiry;
#[cfg(feature = "handler")]
mod finish;
mod item;
#[cfg(any(feature = "__dispatch", feature = "handler"))]
mod keys;
#[cfg(feature = "__dispatch")]
mod put;
#[cfg(feature = "__dispatch")]
mod queued;
mod read;
mod record;
mod retry;
#[cfg(feature = "__dispatch")]
mod sent;
#[cfg(test)]
#[cfg(all(feature = "__dispatch", feature = "handler"))]
mod tests;

#[cfg(feature = "handler")]
pub(crate) use begin::{Begun, Delivery};
#[cfg(feature = "handler")]
pub(crate) use finish::End;
#[cfg(feature = "__dispatch")]
pub(crate) use queued::Queued;

use error::explain;
#[cfg(any(feature = "__dispatch", feature = "handler"))]
use expiry::expires;
use expiry::seconds;

/// A table of responses.
#[derive(Clone, Debug)]
pub(crate) struct Responses {
    sdk: Sdk,
    table: String,
    /// How long a response is kept after its last change.
    #[cfg_attr(
        not(any(feature = "__dispatch", feature = "handler")),
        expect(dead_code, reason = "whoever only reads keeps nothing longer")
    )]
    ttl: Duration,
    /// Where outputs over the limit go.
    outputs: Option<Payloads>,
}

/// How large an output may be to be kept in a bucket, in bytes. Whoever waits for it reads it into memory.
pub(crate) const STORED_OUTPUT_LIMIT: usize = 64 * 1024 * 1024;

impl Responses {
    pub(crate) fn new(sdk: Sdk, table: String, ttl: Duration, outputs: Option<Payloads>) -> Self {
        Self { sdk, table, ttl, outputs }
    }
}
