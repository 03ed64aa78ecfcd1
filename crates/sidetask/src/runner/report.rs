use std::fmt;
use std::panic::Location;

/// What a runner does at one moment, and what it has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunnerStats {
    /// The tasks that run.
    pub running: usize,
    /// The tasks that wait for others to end.
    pub queued: usize,
    /// How many succeeded.
    pub completed: u64,
    /// How many failed, panicked or were cancelled.
    pub failed: u64,
    /// How many were refused since the queue was full or the runner closed, or given up at a shutdown's deadline.
    pub dropped: u64,
}

impl RunnerStats {
    pub(super) const fn ended(&self) -> u64 {
        self.completed + self.failed
    }
}

/// What a shutdown finished, and what it could not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunnerReport {
    /// How many tasks ended while it was draining.
    pub finished: u64,
    /// The tasks that did not end in time.
    pub unfinished: Vec<UnfinishedTask>,
}

impl RunnerReport {
    /// Whether every task ended in time.
    pub const fn is_clean(&self) -> bool {
        self.unfinished.is_empty()
    }
}

/// One line for a log.
impl fmt::Display for RunnerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} finished, {} not", self.finished, self.unfinished.len())?;
        for (at, task) in self.unfinished.iter().enumerate() {
            write!(f, "{} {task}", if at == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// A task that a shutdown gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnfinishedTask {
    /// What it was called, or the place where it was made.
    pub name: String,
    /// Where it was made.
    pub place: &'static Location<'static>,
    /// What it belongs to, such as the id of a request.
    pub origin: Option<String>,
    /// Whether it had begun.
    pub is_begun: bool,
}

impl fmt::Display for UnfinishedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)?;
        match &self.origin {
            Some(origin) => write!(f, " of {origin}"),
            None => Ok(()),
        }
    }
}
