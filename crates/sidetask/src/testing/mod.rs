//! Testing code that enqueues, and tasks: feature `testing`, for the dev-dependencies of your crate.
//!
//! ```toml
//! [dev-dependencies]
//! sidetask = { version = "0.1", features = ["testing"] }
//! ```
//!
//! A [`TestQueue`] is one test's own: in memory, shared with no other test, its clock moved by the test alone. So tests run
//! side by side, wait for nothing, and run the same way each time.
//!
//! # Was it enqueued?
//! Give the queue's client to the code under test, then say what you expect.
//!
//! ```
//! use std::time::Duration;
//!
//! use sidetask::testing::{TestQueue, assert_enqueued, refute_enqueued};
//! use sidetask::{Client, Error, task};
//!
//! #[task(queue = "mail")]
//! async fn send_welcome(to: String, language: String) {}
//!
//! async fn sign_up(client: &Client, to: &str) -> Result<(), Error> {
//!     client.enqueue(send_welcome::call(to.into(), "en".into()).delay(Duration::from_secs(60))).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] // #[tokio::test]
//! # async fn main() -> Result<(), Error> {
//! let queue = TestQueue::new();
//! sign_up(&queue.client(), "ada@example.com").await?;
//! assert_enqueued!(queue, send_welcome, args = {"to": "ada@example.com"}, queue = "mail", count = 1);
//! refute_enqueued!(queue, send_welcome, args = {"language": "fr"});
//! # Ok(())
//! # }
//! ```
//!
//! An assertion that fails shows what came near: jobs of the task, with each difference, and kinds with a similar name.
//! [`TestQueue::enqueued_of`] gives the jobs of a task with their arguments in its types, for everything else.
//!
//! # Does the task do its work?
//! A task is an ordinary function, which a test can call. [`TestQueue::run_job`] runs it as a worker does: arguments through
//! their stored form, a real [`Context`](crate::Context), `#[state]` injected, time limit, panics caught, plain functions on
//! their pool. What came of it is all in the [`JobRun`].
//!
//! ```standalone_crate
//! use std::time::Duration;
//!
//! use sidetask::testing::{Outcome, TestQueue};
//! use sidetask::{Context, State, TaskError, task};
//!
//! #[task(timeout = "30s", max_attempts = 2, backoff = "1m")]
//! async fn fetch(#[state] service: Service, cx: Context, page: u32) -> Result<String, TaskError> {
//!     cx.progress(0, 1).message("asking").await?;
//!     tracing::info!(page, "asks");
//!     if service.is_busy {
//!         return Err(TaskError::retry_after(Duration::from_secs(120), "429 Too Many Requests"));
//!     }
//!     tokio::time::sleep(Duration::from_millis(1)).await;
//!     Ok(format!("page {page}"))
//! }
//! # #[derive(Clone)] struct Service { is_busy: bool }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sidetask::Error> {
//! let queue = TestQueue::builder().state(Service { is_busy: false }).build()?;
//! let run = queue.run_job(fetch::call(7)).await?;
//! assert_eq!(run.output()?, "page 7");
//! assert_eq!(run.progress[0].message.as_deref(), Some("asking"));
//! assert!(run.log.contains("asks page=7"));
//!
//! // As if it had taken a minute, in no time.
//! let run = queue.run_job(fetch::call(7)).taking(Duration::from_secs(60)).await?;
//! assert!(run.error().unwrap().contains("did not end within 30s"));
//!
//! let busy = TestQueue::builder().state(Service { is_busy: true }).build()?;
//! let run = busy.run_job(fetch::call(7)).await?;
//! assert!(matches!(run.outcome, Outcome::RetryAfter(..)));
//! assert_eq!(run.next_in(), Some(Duration::from_secs(120)));
//! let last = busy.run_job(fetch::call(8)).attempt(2).await?;
//! assert_eq!(last.record.state, State::Discarded);
//! # Ok(())
//! # }
//! ```
//!
//! # Does it all come together?
//! [`TestQueue::drain`] runs what is available and what follows from it; [`TestQueue::drain_until_idle`] moves the clock along as
//! well, through delays, backoffs, snoozes and the turns of rate limits, until nothing waits; [`TestQueue::drain_for`] lets some
//! time pass, ticks of [schedules](TestQueueBuilder::schedule) included. One job runs at a time, in the order of claims. A
//! drain without end fails, and names what repeats itself.
//!
//! ```standalone_crate
//! # use std::time::Duration;
//! # use sidetask::testing::TestQueue;
//! # use sidetask::{Client, Context, TaskError, task};
//! #[task(max_attempts = 5)]
//! async fn import(#[state] client: Client, cx: Context, page: u32) -> Result<(), TaskError> {
//!     if cx.attempt() < 3 {
//!         return Err(TaskError::new("the service is away"));
//!     }
//!     if page < 2 {
//!         client.enqueue(import::call(page + 1).delay(Duration::from_secs(3600))).await?;
//!     }
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sidetask::Error> {
//! let queue = TestQueue::builder().state_of(Client::clone).build()?;
//! let first = queue.client().enqueue(import::call(1)).await?;
//! let drained = queue.drain_until_idle().await?;
//! assert_eq!(drained.runs.len(), 6, "{drained}");
//! assert!(drained.left.is_empty());
//! first.output().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Does it bear to run twice?
//! A job runs at least once: its worker may die when the work is done and the store does not know. [`TestQueue::crash_worker`]
//! has one die there, or before, and runs the next attempt.
//!
//! # Time
//! The queue's clock stands still while functions run. What a function sleeps on tokio's clock it really sleeps, unless the
//! test pauses that (`#[tokio::test(start_paused = true)]`), and its time limit is over when so much has passed on either clock.
//! Any runtime with time enabled will do, of one thread or of several.

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
