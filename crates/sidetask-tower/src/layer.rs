//! The layer.

use std::sync::Arc;
use std::time::Duration;

use sidetask::{Client, RunnerReport, RunnerStats};
use tower_layer::Layer;

use crate::builder::BackgroundLayerBuilder;
use crate::service::BackgroundService;
use crate::shared::Shared;

/// Runs the [`Background`](crate::Background) of responses once these are complete. Clones share everything.
#[derive(Clone, Debug)]
pub struct BackgroundLayer(Arc<Shared>);

impl BackgroundLayer {
    /// A layer with the default settings, whose durable calls are given to this client's store.
    pub fn new(client: Client) -> Self {
        Self::builder().client(client).build().expect("the default settings are valid")
    }

    /// A layer with the default settings where there is no store: durable calls are refused.
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

    /// How many tasks run, wait and ran.
    pub fn stats(&self) -> RunnerStats {
        self.0.runner.stats()
    }

    /// Waits for the tasks of all responses, at most this long, and says what did not finish. Shut the server down
    /// first.
    pub async fn shutdown(&self, within: Duration) -> RunnerReport {
        let Some(holder) = &self.0.holder else { return self.0.runner.shutdown(within).await };
        let (mut report, letting_go) = tokio::join!(self.0.runner.shutdown(within), holder.runner.shutdown(within));
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
