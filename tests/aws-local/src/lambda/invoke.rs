//! The Invoke API, and the address that SNS posts to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::queue::{Deployed, Event, locked};
use super::record::{Outcome, Request};
use super::sources;
use crate::{ACCOUNT, REGION};

/// The limit of an `Event`.
const EVENT: usize = 1_048_576;

/// The limit of a `RequestResponse`: 6 MB and what surrounds the payload, as Lambda itself states it when it refuses.
const REQUEST: usize = 6_291_556;

/// What the server and its owner share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) functions: Mutex<HashMap<String, Arc<Deployed>>>,
    pub(super) refusals: Mutex<Refusals>,
    pub(super) answer_after: Mutex<Duration>,
    /// By the part of the address that tells them apart: the function, and the subscription's ARN.
    pub(super) subscriptions: Mutex<HashMap<String, (String, String)>>,
}

/// How the next requests are to be refused.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pub(super) left: usize,
    pub(super) status: u16,
    pub(super) error_type: String,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .route("/sns/{subscription}", post(sources::notification))
        .with_state(shared)
}

impl Shared {
    pub(super) fn find(&self, name: &str) -> Option<Arc<Deployed>> {
        locked(&self.functions).get(name).cloned()
    }

    fn refusal(&self) -> Option<Response> {
        let mut refusals = locked(&self.refusals);
        refusals.left = refusals.left.checked_sub(1)?;
        let status = StatusCode::from_u16(refusals.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Some(error(status, &refusals.error_type, "refused on demand"))
    }
}

async fn invoke(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let came = Instant::now();
    let (name, qualifier) = function_and_qualifier(&name);
    let qualifier = query.get("Qualifier").cloned().or(qualifier);
    let Some(function) = shared.find(&name) else {
        let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}");
        return error(StatusCode::NOT_FOUND, "ResourceNotFoundException", &format!("Function not found: {arn}"));
    };
    let flight = InFlight::begin(&function);
    let Ok(payload) = to_bytes(body, usize::MAX).await else {
        return error(StatusCode::BAD_REQUEST, "InvalidRequestContentException", "The request broke off");
    };
    let invocation_type = headers.get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok());
    let invocation_type = invocation_type.unwrap_or("RequestResponse").to_owned();
    let event = Event { qualifier: qualifier.clone(), ..Event::new(payload.clone()) };
    let response = match shared.refusal() {
        Some(refusal) => refusal,
        None => accept(&function, &invocation_type, event).await,
    };
    let after = *locked(&shared.answer_after);
    sleep_until(came + after).await;
    let status = response.status().as_u16();
    function.record().requests.push(Request { invocation_type, qualifier, headers, payload, status });
    drop(flight);
    response
}

async fn accept(function: &Arc<Deployed>, invocation_type: &str, mut event: Event) -> Response {
    let (size, limit) = (event.payload.len(), if invocation_type == "Event" { EVENT } else { REQUEST });
    if size > limit {
        let what =
            format!("{size} byte payload is too large for the {invocation_type} invocation type (limit {limit} bytes)");
        return error(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &what);
    }
    // A request without payload is an empty event.
    if event.payload.is_empty() {
        event.payload = Bytes::from_static(b"{}");
    }
    if let Err(what) = serde_json::from_slice::<Value>(&event.payload) {
        let what = format!("Could not parse request body into json: {what}");
        return error(StatusCode::BAD_REQUEST, "InvalidRequestContentException", &what);
    }
    let request_id = event.request_id.clone();
    let mut response = match invocation_type {
        "Event" => {
            function.queue(&event);
            StatusCode::ACCEPTED.into_response()
        }
        "RequestResponse" => {
            let outcome = function.invoke(event).await;
            answer(outcome, &request_id, function.function.timeout)
        }
        "DryRun" => StatusCode::NO_CONTENT.into_response(),
        other => {
            let what = format!("There is no invocation type {other}");
            return error(StatusCode::BAD_REQUEST, "InvalidParameterValueException", &what);
        }
    };
    insert(&mut response, "x-amzn-requestid", &request_id);
    response
}

fn answer(outcome: Outcome, request_id: &str, timeout: Duration) -> Response {
    let result = outcome.into_result(request_id, timeout);
    let failed = result.is_err();
    let (Ok(payload) | Err(payload)) = result;
    let mut response = payload.to_string().into_response();
    insert(&mut response, header::CONTENT_TYPE.as_str(), "application/json");
    insert(&mut response, "x-amz-executed-version", "$LATEST");
    if failed {
        insert(&mut response, "x-amz-function-error", "Unhandled");
    }
    response
}

/// An error as the SDKs expect it: its name in a header, its message under either name that Lambda gives it.
fn error(status: StatusCode, error_type: &str, message: &str) -> Response {
    let by = if status.is_server_error() { "Service" } else { "User" };
    let body = json!({ "Type": by, "Message": message, "message": message });
    let mut response = (status, body.to_string()).into_response();
    insert(&mut response, header::CONTENT_TYPE.as_str(), "application/json");
    insert(&mut response, "x-amzn-errortype", error_type);
    insert(&mut response, "x-amzn-requestid", &Uuid::new_v4().to_string());
    response
}

fn insert(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}

/// Of `name`, `name:qualifier`, `account:function:name` or an ARN.
fn function_and_qualifier(name: &str) -> (String, Option<String>) {
    let rest = name.split_once("function:").map_or(name, |(_, rest)| rest);
    match rest.split_once(':') {
        Some((name, qualifier)) => (name.to_owned(), Some(qualifier.to_owned())),
        None => (rest.to_owned(), None),
    }
}

/// Counts a request while it is under way, also one whose sender gives up.
struct InFlight<'a>(&'a Deployed);

impl<'a> InFlight<'a> {
    fn begin(function: &'a Deployed) -> Self {
        let mut record = function.record();
        record.in_flight += 1;
        record.most_in_flight = record.most_in_flight.max(record.in_flight);
        drop(record);
        Self(function)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.record().in_flight -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_in_every_form_that_lambda_takes() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:mail";
        for name in ["mail", arn, "123456789012:function:mail"] {
            assert_eq!(function_and_qualifier(name), ("mail".to_owned(), None));
            let (name, qualifier) = function_and_qualifier(&format!("{name}:live"));
            assert_eq!((name.as_str(), qualifier.as_deref()), ("mail", Some("live")));
        }
    }
}
