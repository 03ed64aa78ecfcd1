//! Finds async code that blocks its thread.
//!
//! An async task that calls something slow without awaiting keeps every other task of its thread waiting. This module
//! names the culprit. While it is on, each poll of our tasks is timed, of those in process and of the attempts of a
//! worker; a poll over the threshold, 100 ms unless told otherwise, is reported
//!
//! - **while it is stuck**, by a thread of its own, so that one which never ends is named as well;
//! - **when it is over**, with how long it lasted.
//!
//! Each report is a [`tracing`] event of level `WARN` with the fields `task`, `place` and `lasted`, and goes to the
//! callback where there is one. What is reported is the innermost task: a poll of a list of tasks counts for the task
//! that it polls. Functions on the [blocking pool](crate::BlockingPool) may block and are not watched.
//!
//! It is off until a program [installs](Detector::install) a [`Detector`], or is started with these variables set,
//! which are read when the first task is polled:
//!
//! | variable | meaning |
//! |---|---|
//! | `SIDETASK_DEBUG` | `1` turns it on, `0` or nothing leaves it off |
//! | `SIDETASK_STALL_MS` | the threshold in milliseconds, at least 1; 100 where it is not set |
//!
//! A value that cannot be used is logged as a warning, and what would hold without it holds.
//!
//! Off, it costs one relaxed load a poll; on, two readings of the clock and two uncontended locks. The thread starts
//! with the first poll that is watched, sleeps while nothing is polled, and never keeps the process from exiting. What it logs does not reach a subscriber that is set for single threads only, such as by
//! `tracing::subscriber::set_default`.
//!
//! ```
//! use std::time::Duration;
//!
//! use sidetask::stall::Detector;
//!
//! let installed = Detector::new()
//!     .threshold(Duration::from_millis(20))
//!     .on_stall(|stall| eprintln!("{} blocks its thread: {:?}", stall.task, stall.lasted))
//!     .install()?;
//! // .. for as long as it is wanted ..
//! installed.remove();
//! # Ok::<(), sidetask::Error>(())
//! ```

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::Error;

mod environment;
mod slot;
mod switch;
mod watchdog;
mod watched;

pub(crate) use slot::Subject;
pub(crate) use watched::Watched;

/// What is reported, and to whom.
#[derive(Clone)]
#[must_use = "a detector does nothing until it is installed"]
pub struct Detector {
    threshold: Duration,
    on_stall: Option<Arc<OnStall>>,
}

type OnStall = dyn Fn(&Stall) + Send + Sync;

impl Detector {
    /// One that logs every poll over 100 ms.
    pub const fn new() -> Self {
        Self { threshold: Duration::from_millis(100), on_stall: None }
    }

    /// How long one poll may take; longer is reported. Zero reports every poll. The thread that looks for polls still
    /// under way does so every quarter of it, at least once a second and at most once a millisecond. Default: 100 ms.
    pub const fn threshold(mut self, threshold: Duration) -> Self {
        self.threshold = threshold;
        self
    }

    /// Calls `f` with each report as well, in place of an earlier one: with one while it is stuck on the thread that
    /// watches, with one that is over on the thread that was blocked. A panic of `f` is caught and logged. What `f` polls
    /// itself is logged where it stalls, without another call. Default: no call.
    pub fn on_stall(mut self, f: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.on_stall = Some(Arc::new(f));
        self
    }

    /// Turns it on for the whole process, in place of what the environment asked for. Polls that are under way are not
    /// watched, later ones of the same tasks are.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) where one is installed already.
    pub fn install(self) -> Result<Installed, Error> {
        switch::install(Arc::new(self)).map(Installed)
    }
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detector").field("threshold", &self.threshold).finish_non_exhaustive()
    }
}

/// A [`Detector`] that was installed. Dropping this leaves it on.
#[derive(Debug)]
pub struct Installed(Arc<Detector>);

impl Installed {
    /// Turns it off again; what the environment asked for holds then. A report that is being made may still come.
    pub fn remove(self) {
        switch::remove(&self.0);
    }
}

/// One poll that took too long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// The task's name, a job's kind, or for a task without a name the place where it was made.
    pub task: String,
    /// Where the task was made, or the function of its kind defined.
    pub place: &'static Location<'static>,
    /// How long the poll has lasted, less the polls of other tasks within it.
    pub lasted: Duration,
    /// Whether the poll has ended. Otherwise it is stuck now, and another report follows when it ends.
    pub is_over: bool,
}
