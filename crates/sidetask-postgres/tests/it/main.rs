//! The PostgreSQL store on a real server: the contract of every store, and what is its own.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod conformance;
mod connect;
mod lanes;
mod leader;
mod lost;
mod operate;
mod poison;
mod shared;
mod storing;
mod transaction;
mod two_stores;
