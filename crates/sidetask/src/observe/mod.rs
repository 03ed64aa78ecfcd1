//! What is told of jobs to whoever watches: metrics, what attempts log, and traces. Each is a feature, and without it
//! what is called from here does nothing.

#[cfg(feature = "metrics")]
pub(crate) mod counting;
#[cfg(not(feature = "metrics"))]
#[path = "not_counting.rs"]
pub(crate) mod counting;
#[cfg(feature = "metrics")]
mod labels;
#[cfg(feature = "logs")]
mod log_line;
#[cfg(feature = "logs")]
pub(crate) mod logging;
#[cfg(not(feature = "logs"))]
#[path = "not_logging.rs"]
pub(crate) mod logging;
#[cfg(feature = "logs")]
pub mod logs;
#[cfg(feature = "metrics")]
pub mod metrics;
pub(crate) mod spans;
#[cfg(feature = "otel")]
pub mod trace;
