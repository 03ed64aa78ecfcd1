//! The dashboard as people use it, in Chromium.

mod access;
mod barriers;
mod bulk;
mod edit;
mod hostile;
mod job;
mod keyboard;
mod list;
mod live;
mod plain;
mod queue;
mod visit;
