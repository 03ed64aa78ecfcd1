//! What the facade promises, over its public API.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod blocking;
mod calls;
mod client;
mod context;
mod dispatching;
mod executor;
mod faulty;
mod groups;
mod kit;
mod macros;
mod memory;
mod observe;
mod operate;
mod rate;
mod runner;
mod schedules;
mod service;
mod spawned;
mod stall;
mod task;
mod tasks;
mod testing;
#[cfg(feature = "sqlite")]
mod transaction;
mod ui;
mod wait;
mod worker;
