use std::time::Duration;

/// What a [`BlockingPool`](crate::BlockingPool) does at one moment, and what it did since it was made.
///
/// A function is counted as ended a moment after its result is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// The threads that there are.
    pub threads: usize,
    /// The threads that run a function or are about to.
    pub busy: usize,
    /// The functions that wait for a thread.
    pub queued: usize,
    /// How many threads there may be.
    pub max_threads: usize,
    /// How many functions may wait while every thread is busy.
    pub max_queued: usize,
    /// The functions that began.
    pub started: u64,
    /// The functions that returned.
    pub completed: u64,
    /// The functions that panicked.
    pub panicked: u64,
    /// The functions that found the pool full, or that the system gave no thread for.
    pub refused: u64,
    /// The functions that were removed before they began, since nobody waited for them any more.
    pub withdrawn: u64,
    /// How long all functions that began had waited, together.
    pub waited: Duration,
    /// How long all functions that ended had run, together.
    pub ran: Duration,
}
