use std::fmt;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use sidetask::Error;
use tokio::runtime::{self, Runtime};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

/// How long a drop waits for the last spans to be sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends spans to an OpenTelemetry collector, by OTLP over gRPC, until it is shut down or dropped.
///
/// ```no_run
/// use sidetask_observe::Traces;
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let traces = Traces::start("shop")?;
/// tracing::subscriber::set_global_default(tracing_subscriber::registry().with(traces.layer()))?;
/// // .. the program ..
/// traces.shutdown(std::time::Duration::from_secs(5))?;
/// # Ok(()) }
/// ```
///
/// Spans wait in memory, at most 2048 of them, and go every 5 seconds; what a collector does not take is lost, and no job
/// waits for it. The collector is one beside the program: TLS is not spoken. Of OpenTelemetry's environment variables those
/// of the exporter (`OTEL_EXPORTER_OTLP_*`), of batches (`OTEL_BSP_*`), of the sampler (`OTEL_TRACES_SAMPLER*`) and of the
/// resource (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`) apply.
#[must_use = "spans are sent until this is dropped"]
pub struct Traces {
    provider: SdkTracerProvider,
    /// The connection's own, so that the last spans can be sent from wherever the program ends. There until the end.
    runtime: Option<Runtime>,
}

impl Traces {
    /// Begins to send to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, by default `http://localhost:4317`. The
    /// name is that of the service, unless `OTEL_SERVICE_NAME` says otherwise. Whether the collector is there shows later.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) where one of the environment variables cannot be used.
    pub fn start(service: &str) -> Result<Self, Error> {
        Self::begin(service, None)
    }

    /// Begins to send to the collector at a URL, such as `http://127.0.0.1:4317`, whatever the environment says of that.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_to(service: &str, endpoint: &str) -> Result<Self, Error> {
        Self::begin(service, Some(endpoint))
    }

    fn begin(service: &str, endpoint: Option<&str>) -> Result<Self, Error> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sidetask-traces")
            .enable_all()
            .build()
            .map_err(|error| Error::storage("there is no thread to send traces from", error))?;
        let exporter = {
            let _entered = runtime.enter();
            let exporter = SpanExporter::builder().with_tonic();
            match endpoint {
                Some(endpoint) => exporter.with_endpoint(endpoint),
                None => exporter,
            }
            .build()
        };
        let exporter = match exporter {
            Ok(exporter) => exporter,
            Err(error) => {
                runtime.shutdown_background();
                return Err(Error::configuration(&[format!("traces cannot be sent: {error}")]));
            }
        };
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource(service)).build();
        Ok(Self { provider, runtime: Some(runtime) })
    }

    /// What takes the spans: of level info and above, of enqueueing too, and of what sends them none. Give it a filter of
    /// your own for fewer.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let filter =
            Targets::new().with_default(LevelFilter::INFO).with_target("sidetask::enqueue", LevelFilter::DEBUG);
        let senders = ["h2", "hyper", "hyper_util", "opentelemetry", "tonic", "tower"];
        let filter = filter.with_targets(senders.map(|sender| (sender, LevelFilter::OFF)));
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer("sidetask"));
        layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(filter)
    }

    /// Sends what is left, for at most `limit`. Spans that end later are lost. This blocks its thread.
    ///
    /// # Errors
    /// [`is_storage`](Error::is_storage) where that took too long. A collector that refuses spans, or is not there, is told of
    /// in the program's log, by `opentelemetry`.
    pub fn shutdown(mut self, limit: Duration) -> Result<(), Error> {
        self.end(limit)
    }

    fn end(&mut self, limit: Duration) -> Result<(), Error> {
        let Some(runtime) = self.runtime.take() else { return Ok(()) };
        let ended = self.provider.shutdown_with_timeout(limit);
        // Waiting for its threads would panic in the middle of another runtime.
        runtime.shutdown_background();
        ended.map_err(|error| Error::storage("the last spans were not sent to the collector", error))
    }
}

fn resource(service: &str) -> Resource {
    let resource = Resource::builder();
    match std::env::var_os("OTEL_SERVICE_NAME") {
        Some(name) if !name.is_empty() => resource.build(),
        _ => resource.with_service_name(service.to_owned()).build(),
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.end(PATIENCE) {
            tracing::warn!(error = ?error, "traces end early");
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}
