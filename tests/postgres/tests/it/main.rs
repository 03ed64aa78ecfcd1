//! Tests against a real PostgreSQL, and with faults between it and us.

#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod hearing;
mod proxy;
mod shared;
mod signup;
mod transaction;
mod transfers;
