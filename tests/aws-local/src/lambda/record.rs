use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::{Value, json};

/// What was seen of a function.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) requests: Vec<Request>,
    pub(super) in_flight: usize,
    pub(super) most_in_flight: usize,
    pub(super) runs: Vec<Run>,
    pub(super) dead_letters: Vec<Bytes>,
    pub(super) logs: String,
}

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
    /// What the handler returned, if it did.
    pub fn returned(&self) -> Option<&Value> {
        match self {
            Self::Returned(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the handler returned.
    pub fn is_returned(&self) -> bool {
        self.returned().is_some()
    }

    /// The result, or the error object that Lambda answers with.
    pub(super) fn into_result(self, request_id: &str, timeout: Duration) -> Result<Value, Value> {
        let error = |kind: &str, what: String| {
            Err(json!({ "errorType": kind, "errorMessage": format!("RequestId: {request_id} Error: {what}") }))
        };
        match self {
            Self::Returned(value) => Ok(value),
            Self::Failed(value) => Err(value),
            Self::TimedOut => {
                error("Sandbox.Timedout", format!("Task timed out after {:.2} seconds", timeout.as_secs_f64()))
            }
            Self::Died => error("Runtime.ExitError", "Runtime exited without providing a reason".to_owned()),
        }
    }
}
