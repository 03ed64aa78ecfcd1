//! What is told of jobs to whoever watches: metrics, what attempts log, and traces. Each is a feature, and without it
//! what is called from here does nothing.

#[cfg(feature = "metrics")]
pub(crate) mod counting;
#[cfg(not(feature = "metrics"))]
#[path = "not_counting.rs"]
pub(crate) mod counting;
#[cfg(feature = "metrics")]
mod labels;
#[cfg(feature = "metrics")]
pub mod metrics;
pub(crate) mod spans;
#[cfg(feature = "otel")]
pub mod trace;
