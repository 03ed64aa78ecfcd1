//! The layer.

use std::sync::Arc;
use std::time::Duration;

use sidetask::{Client, RunnerReport, RunnerStats};
use tokio::time::Instant;
use tower_layer::Layer;

use crate::builder::BackgroundLayerBuilder;
use crate::service::BackgroundService;
use crate::shared::Shared;

#[doc = include_str!("../docs/layer.md")]
#[derive(Clone, Debug)]
pub struct BackgroundLayer(Arc<Shared>);

impl BackgroundLayer {
    /// A layer with the default settings, whose durable calls are given to this client's store, and held there until
    /// their responses are complete. A client that only dispatches sends them before the head goes on: they may run
    /// before the response is complete.
    pub fn new(client: Client) -> Self {
        Self::builder().client(client).build().expect("the default settings are valid")
    }

    /// A layer with the default settings where there is no store: durable calls are answered with 500.
    pub fn in_process() -> Self {
        Self::builder().build().expect("the default settings are valid")
    }

    /// A layer with settings of one's own.
    pub fn builder() -> BackgroundLayerBuilder {
        BackgroundLayerBuilder::new()
    }

    pub(crate) fn of(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// How many tasks run and wait at this moment, and what became of the others. Jobs are their store's to count.
    pub fn stats(&self) -> RunnerStats {
        self.0.runner.stats()
    }

    /// Waits until all tasks have ended and all jobs are let go, and closes; after `within` it closes all the same, drops
    /// what is left, and the report names it. Stop the server first: responses that come after this lose their tasks,
    /// which is logged, and are answered with 503 where they have durable calls.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
    pub async fn shutdown(&self, within: Duration) -> RunnerReport {
        let Some(holder) = &self.0.holder else { return self.0.runner.shutdown(within).await };
        let began = Instant::now();
        let mut report = self.0.runner.shutdown(within).await;
        // After the tasks, since responses may end as long as they run.
        let letting_go = holder.runner.shutdown(within.saturating_sub(began.elapsed())).await;
        report.unfinished.extend(letting_go.unfinished);
        report
    }
}

impl<S> Layer<S> for BackgroundLayer {
    type Service = BackgroundService<S>;

    fn layer(&self, inner: S) -> BackgroundService<S> {
        BackgroundService::new(inner, Arc::clone(&self.0))
    }
}
