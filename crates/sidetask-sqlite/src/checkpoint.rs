//! Keeps the write-ahead log short, in the background, so that no commit has to.

use std::error::Error;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::connection;
use crate::writer::Shared;

/// Between two checkpoints under load. Every 50 ms kept the longest stall of a commit under 6 ms.
const INTERVAL: Duration = Duration::from_millis(50);

/// Wakes the checkpointer: an idle store has none of its wake-ups.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<Work>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Work {
    #[default]
    None,
    Some,
    Over,
}

impl Signal {
    /// Says that the log has grown.
    pub(crate) fn set(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == Work::None {
            *state = Work::Some;
            self.changed.notify_all();
        }
    }

    /// Says that there is nothing more to come.
    pub(crate) fn stop(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Work::Over;
        self.changed.notify_all();
    }

    /// Waits until the log has grown, then for it to grow some more. `false`: it will not any more.
    fn wait(&self, pause: Duration) -> bool {
        let idle = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.changed.wait_while(idle, |state| *state == Work::None).unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, pause, |state| *state != Work::Over)
            .unwrap_or_else(PoisonError::into_inner);
        if *state == Work::Over {
            return false;
        }
        *state = Work::None;
        true
    }
}

/// A log of this many pages should begin anew. A commit that makes the file longer takes half as long again as one that
/// writes over its beginning.
const LONG: i64 = 1000;

/// Starts the thread. It ends with the writer.
pub(crate) fn start(path: &Path, shared: Arc<Shared>) -> Result<JoinHandle<()>, Box<dyn Error + Send + Sync>> {
    let conn = connection::checkpointer(path)?;
    let run = move || {
        while shared.dirty.wait(INTERVAL) {
            match connection::checkpoint(&conn) {
                Ok(pages) => shared.log_is_long.store(pages >= LONG, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(%error, "cannot checkpoint the write-ahead log; trying again after the next commit");
                }
            }
        }
    };
    Ok(thread::Builder::new().name("sidetask-checkpoint".into()).spawn(run)?)
}
