//! Background tasks: one function, run in this process, on a durable queue in a local file, or on many machines.

mod blocking;
mod client;
mod connect;
pub mod memory;
mod panics;
mod task;
mod tasks;
mod worker;

pub use blocking::{BlockingPool, BlockingPoolBuilder, PoolStats};
pub use client::{Client, ClientBuilder, Job, ProgressStream};
pub use connect::connect;
pub use memory::MemoryStore;
pub use sidetask_core::{
    AttemptError, Backoff, Call, CancelToken, Clock, Context, Counts, Definition, Error, Filter, IntoOutcome, JobId,
    JobRecord, Json, Kinds, Page, Progress, QueueStats, Registration, Registry, State, StateMap, StateNeed, Stats,
    SystemClock, TaskError, TaskErrorKind, TaskFunction, TaskOptions, Timestamp, When, Work,
};
pub use sidetask_macros::task;
pub use task::{IntoTask, Retry, Running, Task};
pub use tasks::{Failure, OnError, Results, TaskKey, Tasks, TasksError, TasksHandle};
pub use worker::{GivenBack, Retention, ShutdownReport, Worker, WorkerBuilder, WorkerQueue, WorkerStats};

/// What a store is made of, for those who write one.
pub use sidetask_core as core;

/// What `#[task]` expands to needs these names. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use sidetask_core::__private::*;
}
