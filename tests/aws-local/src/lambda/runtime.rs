//! The Runtime API of one environment.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::environment::value;
use super::queue::Event;

/// What a process says to Lambda.
pub(super) enum Said {
    Next(oneshot::Sender<Invocation>),
    Response(String, Value),
    Error(String, Value),
    InitError(Value),
}

/// What Lambda says to a process.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) event: Event,
    pub(super) arn: String,
    pub(super) timeout: Duration,
}

/// A server on a port of its own, until it is dropped.
pub(super) struct Runtime {
    address: SocketAddr,
    server: JoinHandle<()>,
}

type Sender = mpsc::UnboundedSender<Said>;

impl Runtime {
    pub(super) async fn start() -> Result<(Self, mpsc::UnboundedReceiver<Said>)> {
        let (sender, said) = mpsc::unbounded_channel();
        let invocation = "/2018-06-01/runtime/invocation";
        let app = Router::new()
            .route(&format!("{invocation}/next"), get(next))
            .route(&format!("{invocation}/{{id}}/response"), post(response))
            .route(&format!("{invocation}/{{id}}/error"), post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(sender);
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free for the Runtime API")?;
        let address = listener.local_addr().context("the Runtime API has no port")?;
        let server = tokio::spawn(async move {
            // It fails only where the listener does, and the process is told by its next poll.
            let _ = axum::serve(listener, app).await;
        });
        Ok((Self { address, server }, said))
    }

    /// The value for `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(lambda): State<Sender>) -> Response {
    let (poll, invocation) = oneshot::channel();
    if lambda.send(Said::Next(poll)).is_err() {
        return StatusCode::GONE.into_response();
    }
    // A newer poll takes its place, or the environment is to end.
    let Ok(Invocation { event, arn, timeout }) = invocation.await else {
        return StatusCode::GONE.into_response();
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let id = Uuid::new_v4().simple().to_string();
    let trace = format!("Root=1-{:08x}-{};Parent={};Sampled=0", now.as_secs(), &id[..24], &id[16..]);
    let headers = [
        ("lambda-runtime-aws-request-id", event.request_id),
        ("lambda-runtime-deadline-ms", (now + timeout).as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", trace),
        (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
    ];
    (headers.map(|(name, value)| (name.to_owned(), value)), event.payload).into_response()
}

async fn response(State(lambda): State<Sender>, Path(id): Path<String>, body: Body) -> Response {
    let Ok(body) = read(body).await else { return StatusCode::BAD_REQUEST.into_response() };
    accepted(&lambda, Said::Response(id, value(&body)))
}

async fn error(State(lambda): State<Sender>, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let Ok(body) = read(body).await else { return StatusCode::BAD_REQUEST.into_response() };
    accepted(&lambda, Said::Error(id, failure(&headers, &body)))
}

async fn init_error(State(lambda): State<Sender>, headers: HeaderMap, body: Body) -> Response {
    let Ok(body) = read(body).await else { return StatusCode::BAD_REQUEST.into_response() };
    accepted(&lambda, Said::InitError(failure(&headers, &body)))
}

/// Also what comes in chunks, of any size.
async fn read(body: Body) -> Result<Bytes, axum::Error> {
    to_bytes(body, usize::MAX).await
}

fn failure(headers: &HeaderMap, body: &[u8]) -> Value {
    let kind = headers.get("lambda-runtime-function-error-type").and_then(|kind| kind.to_str().ok());
    match value(body) {
        error @ Value::Object(_) => error,
        other => json!({ "errorType": kind, "errorMessage": other }),
    }
}

fn accepted(lambda: &Sender, said: Said) -> Response {
    // The environment may be over; then nobody cares.
    let _ = lambda.send(said);
    (StatusCode::ACCEPTED, json!({ "status": "OK" }).to_string()).into_response()
}
