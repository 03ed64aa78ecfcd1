//! Running the jobs of a store.

use std::sync::Arc;
use std::time::Duration;

use sidetask_core::WorkerId;
use tokio::sync::watch;
use tokio::time::Instant;

mod acks;
mod attempt;
mod builder;
mod dormant;
mod fetch;
mod keep;
mod limited;
mod listen;
mod queues;
mod report;
mod retention;
mod running;
mod scheduler;
mod session;
mod shared;

pub use builder::WorkerBuilder;
pub use report::{GivenBack, ShutdownReport, WorkerPhase, WorkerQueue, WorkerStats};
pub use retention::Retention;
#[cfg(feature = "testing")]
pub(crate) use scheduler::Periodic;
use shared::{Presence, Shared};

/// A running worker: claims jobs of its queues, runs them, and reports how they ended. Made by
/// [`Client::worker`](crate::Client::worker).
///
/// **Dropping it leaves the worker running**, until the runtime that it was started on ends; what it holds then is
/// taken back by other workers when its lease expires. [`shutdown`](Self::shutdown) ends it in order.
///
/// # Delivery
/// Jobs run at least once. A job is run again where its attempt failed, where the process died or stalled for longer
/// than the lease, and where a result could not be written before the worker ended. A result that comes too late is
/// refused by the store and dropped.
///
/// # What does not stop it
/// A panicking task fails its attempt. Arguments that cannot be read fail the attempt as well. A failing store is asked
/// again, and results are kept until it takes them; meanwhile a bounded number of jobs runs. A lost lease makes it join
/// again, as a new worker, after telling what runs to stop.
///
/// ```
/// # use std::time::Duration;
/// # async fn example() -> Result<(), sidetask::Error> {
/// let client = sidetask::connect("memory:").await?;
/// let worker = client
///     .worker()
///     .queue("mail", 10)
///     .register("mail.send", |to: String| async move { to.len() })
///     .start()
///     .await?;
/// // .. until the process is told to end ..
/// let report = worker.shutdown(Duration::from_secs(25)).await;
/// assert!(report.is_clean(), "{report}");
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    ended: watch::Receiver<Option<ShutdownReport>>,
}

impl Worker {
    fn new(shared: Arc<Shared>, ended: watch::Receiver<Option<ShutdownReport>>) -> Self {
        Self { shared, ended }
    }

    /// Its id. It changes when the worker joins again: after a lost lease, a rest, or claims that failed.
    pub fn id(&self) -> WorkerId {
        self.shared.worker()
    }

    /// What it does at this moment.
    pub fn stats(&self) -> WorkerStats {
        let running = self.shared.running.by_queue(self.shared.queues.iter().count());
        let queue = |((queue, concurrency), running): ((&str, usize), usize)| WorkerQueue {
            queue: queue.to_owned(),
            concurrency,
            running,
        };
        let queues = self.shared.queues.iter().zip(running).map(queue).collect();
        WorkerStats { queues, unconfirmed: self.shared.running.unconfirmed() }
    }

    /// Whether it runs nothing and the store has every result.
    pub fn is_idle(&self) -> bool {
        self.shared.running.is_quiet()
    }

    /// Where it stands.
    pub fn phase(&self) -> WorkerPhase {
        if self.ended.borrow().is_some() || self.ended.has_changed().is_err() {
            WorkerPhase::Ended
        } else if self.shared.is_stopping() {
            WorkerPhase::Stopping
        } else {
            match self.shared.presence() {
                Presence::Joining => WorkerPhase::Joining,
                Presence::Member => WorkerPhase::Working,
                Presence::Dormant => WorkerPhase::Dormant,
            }
        }
    }

    /// Ends the worker. First it claims no more, and waits for what runs. When `deadline` has passed, it cancels and
    /// drops the async tasks that still run, tells the blocking ones to stop, and gives all their jobs back, with no
    /// attempt used. Then it leaves the store. Takes at most `deadline` and two seconds, on the runtime's clock.
    ///
    /// The report says what was given back, and what it could not stop or write. Called again it waits for the same
    /// end, with the earlier of the two deadlines.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the shutdown. Call again to wait for it.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let now = Instant::now();
        // A deadline past the end of time means no hurry.
        let deadline = now.checked_add(deadline).unwrap_or(now + Duration::from_secs(60 * 60 * 24 * 365));
        self.shared.stop_by(deadline);
        match self.ended.clone().wait_for(Option::is_some).await {
            Ok(report) => report.clone().unwrap_or_default(),
            // Its runtime has ended, and everything with it; the lease says so to the store.
            Err(_) => ShutdownReport::default(),
        }
    }
}
