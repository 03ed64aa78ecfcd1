//! What is told of jobs: metrics, logs and spans, and where panics come from.

mod logs;
mod metrics;
mod panics;
mod spans;
