use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics::{Unit, describe_gauge, gauge};
use serde_json::json;
use sidetask::{Client, Error, Worker, WorkerPhase};
use tokio::time::timeout;

use crate::recent::Recent;
use crate::recorder;

const STORE_UP: &str = "sidetask_store_up";

/// For how long what the store said of itself is told again, before it is asked anew.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// `/metrics`, `/livez` and `/readyz` of one client and its workers.
///
/// Scrapes and probes may come as often as they like: the store is asked at most once a second for each, and none waits
/// longer for it than the [limit](Self::limit).
#[derive(Clone)]
#[must_use = "probes do nothing until their router is served"]
pub struct Probes {
    client: Client,
    workers: Vec<Worker>,
    limit: Duration,
    exposition: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

impl Probes {
    /// Those of a client. Where it only dispatches there is no store that could be asked, and nothing is said of one.
    pub fn new(client: Client) -> Self {
        Self { client, workers: Vec::new(), limit: Duration::from_secs(2), exposition: Arc::new(recorder::render) }
    }

    /// With those of a worker, besides others that were given. Default: none, as in a program that only enqueues.
    pub fn worker(mut self, worker: Worker) -> Self {
        self.workers.push(worker);
        self
    }

    /// How long to wait for the store. `/metrics` then answers with what is known without it, and `/readyz` with 503. Zero:
    /// it has to answer at once. Default: 2 s.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// What `/metrics` answers: the text of a recorder of your own, in the form that Prometheus reads. Default: that of
    /// [`install`](crate::install).
    pub fn exposition(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.exposition = Arc::new(move || Some(render()));
        self
    }

    /// The routes, to be served or merged into others.
    ///
    /// `/metrics` has besides the metrics of [`sidetask::metrics`] the gauge `sidetask_store_up`: 1 where the store answered
    /// this scrape, else 0, when all other gauges of the store are those of an earlier one. It answers 503 where nothing
    /// was [installed](crate::install).
    pub fn router(self) -> Router {
        let probed = Probed { probes: self, scraped: Recent::new(GOOD_FOR), looked: Recent::new(GOOD_FOR) };
        Router::new()
            .route("/metrics", get(metrics))
            .route("/livez", get(async || told(StatusCode::OK, json!({ "live": true }))))
            .route("/readyz", get(readiness))
            .with_state(Arc::new(probed))
    }
}

pub(crate) fn describe() {
    describe_gauge!(STORE_UP, Unit::Count, "Whether the store answered the last scrape.");
}

struct Probed {
    probes: Probes,
    /// Whether the store answered.
    scraped: Recent<()>,
    looked: Recent<bool>,
}

async fn metrics(State(probed): State<Arc<Probed>>) -> Response {
    let Probes { client, workers, limit, exposition } = &probed.probes;
    sidetask::metrics::record_workers(workers);
    let scrape = async {
        if let Some(is_up) = in_time(*limit, sidetask::metrics::record_store(client)).await {
            gauge!(STORE_UP).set(f64::from(u8::from(is_up)));
        }
    };
    probed.scraped.or_ask(scrape).await;
    match exposition() {
        Some(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        None => {
            let text = "nothing is recorded: call `sidetask_observe::install` at the beginning of the program\n";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

async fn readiness(State(probed): State<Arc<Probed>>) -> Response {
    let Probes { client, workers, limit, .. } = &probed.probes;
    let look = async { in_time(*limit, async { client.stats().await.map(drop) }).await.unwrap_or(true) };
    let mut reasons = Vec::new();
    if !probed.looked.or_ask(look).await {
        // Why is in the log: an error may name what is nobody's business here.
        reasons.push(format!("the store does not answer as it should within {limit:?}"));
    }
    for worker in workers {
        match worker.phase() {
            WorkerPhase::Working | WorkerPhase::Dormant => {}
            WorkerPhase::Joining => reasons.push("a worker has not joined the store yet, or not again".to_owned()),
            WorkerPhase::Stopping => reasons.push("a worker is shutting down".to_owned()),
            _ => reasons.push("a worker has shut down".to_owned()),
        }
    }
    match &reasons[..] {
        [] => told(StatusCode::OK, json!({ "ready": true })),
        reasons => told(StatusCode::SERVICE_UNAVAILABLE, json!({ "ready": false, "reasons": reasons })),
    }
}

fn told(status: StatusCode, body: serde_json::Value) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}

/// Whether the store answered in time; `None` where there is no store.
async fn in_time(limit: Duration, asked: impl Future<Output = Result<(), Error>>) -> Option<bool> {
    match timeout(limit, asked).await {
        Ok(Ok(())) => Some(true),
        Ok(Err(error)) if error.is_unsupported() => None,
        Ok(Err(error)) => {
            tracing::warn!(error = ?error, "the store cannot be asked");
            Some(false)
        }
        Err(_) => {
            tracing::warn!(?limit, "the store does not answer in time");
            Some(false)
        }
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes")
            .field("client", &self.client)
            .field("workers", &self.workers.len())
            .finish_non_exhaustive()
    }
}
