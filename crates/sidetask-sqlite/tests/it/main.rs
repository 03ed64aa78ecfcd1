//! The SQLite store: the contract of every store, and what is its own.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod complete;
mod conformance;
mod file;
mod full_disk;
mod poison;
mod schedules;
mod transaction;
mod two_writers;
mod upgrade;

use sidetask_core::{Call, NewJob};

/// A job of `kind` with nothing special about it.
fn job(kind: &'static str) -> NewJob {
    Call::new(kind, "argument").into_new_job(None, 1024).expect("a plain call is sound")
}
