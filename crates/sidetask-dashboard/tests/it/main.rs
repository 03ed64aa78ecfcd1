//! What the dashboard promises, over its public API.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod actions;
mod api;
mod edits;
mod failing;
mod hostile;
mod kit;
mod live;
mod mounted;
mod pages;
mod redacted;
mod security;
