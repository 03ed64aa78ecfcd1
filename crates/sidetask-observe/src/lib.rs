//! What a program with [sidetask] tells of itself: metrics for Prometheus, and whether it lives and is ready, over
//! HTTP; with the feature `otel` its traces, to an OpenTelemetry collector.
//!
//! ```no_run
//! use sidetask_observe::Probes;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! sidetask_observe::install()?; // before anything is counted
//! let client = sidetask::connect("sqlite:tasks.db").await?;
//! let worker = client.worker().start().await?;
//!
//! let router = Probes::new(client).worker(worker).router();
//! # #[cfg(any())]
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:9090").await?, router).await?;
//! # Ok(()) }
//! ```
//!
//! | path | answers |
//! |---|---|
//! | `/metrics` | what [`sidetask::metrics`] lists, and all else that the program counts, as Prometheus reads it |
//! | `/livez` | 200, for as long as the process and its runtime answer |
//! | `/readyz` | 200 where the store answers and every worker has joined it, otherwise 503 with the reasons as JSON |
//!
//! None of them asks who is asking: serve them where only those can reach them who may.

#[cfg(feature = "otel")]
mod otlp;
mod probes;
mod recent;
mod recorder;

#[cfg(feature = "otel")]
pub use otlp::Traces;
pub use probes::Probes;
pub use recorder::{install, install_beside};
