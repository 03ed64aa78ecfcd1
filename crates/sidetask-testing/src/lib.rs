//! For testing sidetask stores and the programs that use them: the conformance suite, a clock moved by hand,
//! and [`faults`] to order.
//!
//! A store is tested by naming, once, a function that makes an empty one:
//!
//! ```no_run
//! use sidetask_testing::{Harness, ManualClock};
//!
//! async fn make_store(clock: ManualClock) -> Harness {
//! #   fn open(clock: ManualClock) -> std::sync::Arc<dyn sidetask_core::Store> { unimplemented!() }
//!     Harness::new(open(clock.clone()), clock)
//! }
//!
//! sidetask_testing::conformance_tests!(make_store);
//! # fn main() {}
//! ```

mod clock;
pub mod conformance;
pub mod faults;
mod harness;

pub use clock::ManualClock;
pub use harness::{Harness, new_job};

/// What [`conformance_tests!`] expands to needs this.
#[doc(hidden)]
pub mod __private {
    /// Runs a test on two threads, so that what races can be seen to race.
    #[track_caller]
    pub fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime starts").block_on(test);
    }
}
