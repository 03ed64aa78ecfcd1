//! Background tasks: one function, run in this process, on a durable queue in a local file or in PostgreSQL, or where a
//! service has it run.
//!
//! ```no_run
//! use sidetask::{Context, TaskError, task};
//!
//! #[task(queue = "mail", max_attempts = 5, timeout = "30s")]
//! async fn send_welcome(cx: Context, to: String) -> Result<String, TaskError> {
//!     cx.progress(1, 2).message("rendering").await?;
//!     Ok(format!("welcome, {to}"))
//! }
//!
//! # async fn example() -> Result<(), sidetask::Error> {
//! let client = sidetask::connect("sqlite:tasks.db").await?;
//! let worker = client.worker().queue("mail", 10).start().await?;
//! let job = client.enqueue(send_welcome::call("ada@example.com".into())).await?;
//! println!("{}", job.output().await?);
//! # Ok(()) }
//! ```
//!
//! | to | see |
//! |---|---|
//! | make a function a task | [`task`](macro@task), [`task_sns`](macro@task_sns), [`Context`], [`TaskError`]; by hand [`TaskFunction`], [`Registry`] |
//! | run something in this process | [`Task`], [`Tasks`], [`Runner`] |
//! | call code that blocks from async code | [`blocking()`], [`BlockingPool`] |
//! | store jobs, wait for them, list, cancel and retry them | [`connect`], [`Client`], [`Call`], [`Job`], [`JobRecord`] |
//! | see what becomes of jobs | [`Client::follow`], [`Client::events`]; as people write filters: [`Filter::parse`] |
//! | run jobs | [`Client::worker`], [`WorkerBuilder`], [`Worker`] |
//! | have jobs stored again and again, by the clock | [`WorkerBuilder::schedule`], [`Schedule`] |
//! | send jobs to where others run them, such as AWS Lambda | [`Call::to`], [`Client::enqueue_each`], and the crate `sidetask-aws` |
//! | call a service no more often than it allows | [`RateLimit`], [`Task::rate_limit`] |
//! | store a job in a transaction of your own, or complete one | module `sqlite`, module `postgres` |
//! | find async code that blocks its thread | [`stall`] |
//! | test code that enqueues, and tasks | module `testing` |
//! | know what went wrong | [`Error`] and its `is_*` predicates |
//! | write a store | [`core`], and the conformance suite in `sidetask-testing` |
//! | bring in a service of your own | [`Dispatch`] for its clients, [`Executor`] where the calls arrive, [`scheme!`] for its URLs |
//!
//! Jobs are run at least once. A client, its jobs' handles and its worker need a tokio runtime with time enabled.
//!
//! Feature `sqlite`, on by default, adds `sqlite:` stores and the module `sqlite`. Feature `postgres` adds `postgres:`
//! stores and the module `postgres`, feature `sqlx` to that the transactions of sqlx. Without both there is `memory:`.
//! Feature `cron` adds schedules by cron expressions in time zones.
//!
//! Feature `metrics` adds counters, histograms and gauges and the module `metrics`, feature `logs` a layer of `tracing` that
//! keeps what attempts log and the module `logs`, feature `otel` traces from attempts to where their jobs were enqueued and
//! the module `trace`.
//!
//! Feature `testing` is for your tests: a queue of their own, with a clock that stands still, and the module `testing`.

mod blocking;
mod cancel_on_drop;
mod client;
mod connect;
mod executor;
pub mod memory;
mod observe;
mod panics;
#[cfg(feature = "postgres")]
pub mod postgres;
mod rate;
mod runner;
mod schedule;
mod scheme;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod stall;
mod task;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod worker;

pub use blocking::{Blocking, BlockingPool, BlockingPoolBuilder, PoolStats, blocking, blocking_with_token};
pub use client::{
    Backend, Bulk, Changed, Client, ClientBuilder, Counted, Following, Job, JobEvents, ProgressStream, Seen, Step,
};
pub use connect::connect;
pub use executor::{Executor, ExecutorBuilder};
pub use memory::MemoryStore;
#[cfg(feature = "logs")]
pub use observe::logs;
#[cfg(feature = "metrics")]
pub use observe::metrics;
#[cfg(feature = "otel")]
pub use observe::trace;
pub use runner::{Prepared, Refused, Runner, RunnerBuilder, RunnerReport, RunnerStats, TaskFailure, UnfinishedTask};
pub use schedule::{Missed, Schedule};
pub use scheme::{Opening, Scheme};
pub use sidetask_core::{
    Activity, AttemptError, AttemptLog, Backoff, Call, CancelToken, Clock, Condition, Context, Counts, Deadline,
    Definition, Dispatch, Enqueued, Error, Event, Events, Filter, Handler, IntoOutcome, JobId, JobRecord, Json, Kinds,
    Lane, Listed, Migration, Operate, Page, Pattern, Progress, ProgressReport, QueueStats, RateLimit, Registration,
    Registry, Schema, State, StateMap, StateNeed, Stats, Store, SystemClock, TaskError, TaskErrorKind, TaskFunction,
    TaskOptions, Timestamp, TraceParent, When, Work, WorkerId, WorkerRecord,
};
pub use sidetask_macros::{task, task_sns};
pub use task::{IntoTask, Retry, Running, Task};
pub use tasks::{Failure, OnError, Results, TaskKey, Tasks, TasksError, TasksHandle};
pub use worker::{GivenBack, Retention, ShutdownReport, Worker, WorkerBuilder, WorkerPhase, WorkerQueue, WorkerStats};

/// What a store is made of, for those who write one.
pub use sidetask_core as core;

/// What `#[task]` expands to needs these names. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "testing")]
    pub use serde_json::json;
    pub use sidetask_core::__private::*;
}
