use std::fmt;
use std::sync::Arc;

use sidetask_core::JobId;

/// What a shutdown finished, and what it could not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// How many attempts ended while the worker was draining.
    pub finished: usize,
    /// The jobs whose attempts did not end in time, given back to the store with no attempt used.
    pub given_back: Vec<GivenBack>,
    /// How many results and given-back jobs the store could not be told of in time. They come back when the worker's
    /// lease expires.
    pub unflushed: usize,
}

/// A job that was given back at a shutdown's deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GivenBack {
    /// The job.
    pub id: JobId,
    /// Its kind.
    pub kind: Arc<str>,
    /// Whether its function still occupies a thread of the blocking pool: nothing can stop it, so that it may run on
    /// while another worker begins the job anew.
    pub is_blocking: bool,
}

impl ShutdownReport {
    /// Whether everything ended in time and the store knows it.
    pub fn is_clean(&self) -> bool {
        self.given_back.is_empty() && self.unflushed == 0
    }
}

/// One line for a log.
impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} finished, {} given back", self.finished, self.given_back.len())?;
        let blocking = self.given_back.iter().filter(|job| job.is_blocking).count();
        if blocking > 0 {
            write!(f, " ({blocking} still on a blocking thread)")?;
        }
        if self.unflushed > 0 {
            write!(f, ", {} not written", self.unflushed)?;
        }
        Ok(())
    }
}

/// Where a worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerPhase {
    /// It makes itself known to its store, at first or again, and claims nothing until it has.
    Joining,
    /// It claims jobs and runs them.
    Working,
    /// It waits until it is needed, see [`WorkerBuilder::when_needed`](crate::WorkerBuilder::when_needed).
    Dormant,
    /// A shutdown was asked for, and what runs has not ended.
    Stopping,
    /// It has shut down, or its runtime has.
    Ended,
}

/// What a worker does at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Its queues, in the order in which they were given.
    pub queues: Vec<WorkerQueue>,
    /// How many results the store has not confirmed yet.
    pub unconfirmed: usize,
}

/// One queue of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerQueue {
    /// The queue.
    pub queue: String,
    /// How many of its jobs may run at once.
    pub concurrency: usize,
    /// How many run.
    pub running: usize,
}
