//! Zappa's table of responses. It knows two states, `in progress` and `complete`: of a task that failed it says
//! `in progress` until the item's time is over.

use sidetask::Json;

#[cfg(not(feature = "dynamodb"))]
mod absent;
#[cfg(feature = "dynamodb")]
mod dynamodb;

#[cfg(not(feature = "dynamodb"))]
pub(crate) use absent::Table;
#[cfg(feature = "dynamodb")]
pub(crate) use dynamodb::Table;

/// What an item says once its task has returned.
const COMPLETE: &str = "complete";

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
