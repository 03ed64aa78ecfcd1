//! What tests of the AWS parts rely on.
#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod api;
mod handlers;
mod lambda;
mod moto;
mod rie;
mod sources;
