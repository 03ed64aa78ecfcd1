use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::Value;

/// An Invoke request as it was received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// `Event`, `RequestResponse` or `DryRun`.
    pub invocation_type: String,
    /// The alias or version, from the query or from the function's name.
    pub qualifier: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// The payload, byte for byte.
    pub payload: Bytes,
    /// The status of the answer, 202 for an event that was accepted.
    pub status: u16,
}

/// One delivery of an event to an environment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// The same for all runs of one event.
    pub request_id: String,
    /// From 1.
    pub attempt: usize,
    /// The event.
    pub payload: Bytes,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned this.
    Returned(Value),
    /// The handler failed with this: `{"errorType": .., "errorMessage": ..}`.
    Failed(Value),
    /// It took longer than it may; its environment was killed.
    TimedOut,
    /// The environment's process ended while it ran, or before it had begun to poll.
    Died,
}

impl Outcome {
    /// Whether the handler returned.
    pub fn is_returned(&self) -> bool {
        matches!(self, Self::Returned(_))
    }
}
