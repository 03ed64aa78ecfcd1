//! Testing code that enqueues, and tasks.

mod builder;
mod crash;
mod death;
mod differences;
mod drain;
mod expected;
mod job_run;
mod macros;
mod misses;
mod queue;
mod recorder;
mod run;

pub use crate::{assert_enqueued, refute_enqueued};
pub use builder::TestQueueBuilder;
pub use crash::{CrashWorker, Crashed};
pub use drain::Drained;
pub use expected::Expected;
pub use job_run::{EnqueuedCall, JobRun};
pub use queue::TestQueue;
pub use run::RunJob;
pub use sidetask_core::lifecycle::Outcome;
pub use sidetask_testing::ManualClock;
