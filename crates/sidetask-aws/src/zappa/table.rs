//! Zappa's table of responses. It knows two states, `in progress` and `complete`: of a task that failed it says
//! `in progress` until the item's time is over.

use std::time::Duration;

use sidetask::{Error, Json, Timestamp};

use crate::sdk::Sdk;

#[cfg(not(feature = "dynamodb"))]
mod absent;
#[cfg(feature = "dynamodb")]
mod dynamodb;

/// How long an item is kept after it was last written, as in Zappa.
const TTL: Duration = Duration::from_secs(600);

/// What an item says while its task runs, and the response that goes with it.
const IN_PROGRESS: &str = "in progress";
const NO_RESPONSE: &str = "\"N/A\"";
/// What it says afterwards.
const COMPLETE: &str = "complete";

/// How long a response may be in the form that it is kept in, in bytes: DynamoDB's 400 KB, less what else an item has.
const RESPONSE_LIMIT: usize = 399 * 1024;

/// A table with the hash key `id` (text) and the TTL attribute `ttl` (seconds).
#[derive(Clone, Debug)]
pub(crate) struct Table {
    sdk: Sdk,
    name: String,
}

/// Whether a delivery is to run its task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Started {
    /// Yes, for all that is known.
    Run,
    /// No: an earlier delivery completed with this response.
    Complete(Json),
}

/// What is known of a response: [`get_async_response`](super::get_async_response).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AsyncResponse {
    /// `in progress` or `complete`. Zappa has no third: a task that failed stays `in progress`.
    pub status: String,
    /// What the task returned; while it is in progress, Zappa's `"N/A"`.
    pub response: Json,
}

impl AsyncResponse {
    /// Whether the task has returned.
    pub fn is_complete(&self) -> bool {
        self.status == COMPLETE
    }
}

impl Table {
    pub(crate) fn new(sdk: Sdk, name: String) -> Self {
        Self { sdk, name }
    }
}

/// The time at which an item written now is over, in seconds.
fn ttl(now: Timestamp) -> i64 {
    seconds(now.after(TTL))
}

fn seconds(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000_000)
}

/// A response in the form that Zappa keeps it in.
fn kept(response: &Json) -> Result<String, Error> {
    let text = super::python::dumps(response.as_str())?;
    match text.len() {
        size if size > RESPONSE_LIMIT => Err(Error::too_large("a response to be captured", size, RESPONSE_LIMIT)),
        _ => Ok(text),
    }
}
