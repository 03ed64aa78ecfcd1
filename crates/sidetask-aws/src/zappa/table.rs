//! Zappa's table of responses. It knows two states, `in progress` and `complete`: of a task that failed it says
//! `in progress` until the item's time is over.

use sidetask::Json;

use crate::sdk::Sdk;

#[cfg(not(feature = "dynamodb"))]
mod absent;
#[cfg(feature = "dynamodb")]
mod dynamodb;

/// What an item says once its task has returned.
const COMPLETE: &str = "complete";

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
