//! What tests of the AWS parts rely on.

mod api;
mod handlers;
mod lambda;
mod moto;
mod rie;
mod sources;
