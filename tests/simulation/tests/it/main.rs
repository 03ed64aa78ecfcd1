//! Workers and their store in simulated time. What happens follows from a seed alone: what people do, what tasks do, what
//! goes wrong. A model of the store watches each request, and rules of what workers may do are checked at every step.
//!
//! A failure names its seed. `SIDETASK_SIM_SEED=17 cargo test -p sidetask-simulation` runs that one and tells all of it;
//! `SIDETASK_SIM_SEEDS=100000` runs more of them than usual.
#![expect(clippy::unwrap_used, reason = "a step that fails is the test's failure")]

mod clock;
mod link;
mod model;
mod operations;
mod plans;
mod run;
mod seeds;
mod weather;
mod world;
