//! Wakes at short intervals.

use std::io;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A look costs some microseconds, so this stays far under a thousandth of a core.
const INTERVAL: Duration = Duration::from_millis(25);

#[derive(Debug, Default)]
pub(crate) struct Bell {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub(crate) fn new(_database: &Path) -> io::Result<Self> {
        Ok(Self::default())
    }

    /// Waits for the interval, or for [`stop`](Bell::stop). That there was a change is never known here, so each look
    /// is the only one.
    pub(crate) fn wait(&self, _limit: Option<Duration>) -> io::Result<bool> {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(stopped, INTERVAL, |stopped| !*stopped));
        Ok(false)
    }

    pub(crate) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}
