//! The kit of faults, used as its users would.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod history;
#[cfg(unix)]
mod process;
mod proxy;
