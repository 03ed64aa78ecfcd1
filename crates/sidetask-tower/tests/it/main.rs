//! What the layer promises, over its public API.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod attach;
#[cfg(feature = "axum")]
mod axum;
mod body;
#[cfg(feature = "axum")]
mod cases;
mod dispatching;
mod durable;
mod extract;
mod hold;
mod kit;
mod limits;
mod logs;
mod policies;
mod recording;
mod shutdown;
#[cfg(feature = "axum")]
mod site;
#[cfg(feature = "axum")]
mod wire;
