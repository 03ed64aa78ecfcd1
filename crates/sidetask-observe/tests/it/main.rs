//! What is told over HTTP, over the public API.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod deployed;
mod kit;
#[cfg(feature = "otel")]
mod otlp;
mod probes;
mod recorder;
mod sick;
