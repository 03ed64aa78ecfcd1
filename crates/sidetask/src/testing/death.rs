//! How a worker dies in the middle of an attempt.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};

use sidetask_core::Error;
use tokio::sync::Notify;

/// A worker that is to die, and when.
#[derive(Debug)]
pub(super) struct Death {
    /// With this report of progress; `None` where it dies at no report.
    at_progress: Option<usize>,
    /// Whether the function is a plain one, which nothing can stop.
    is_blocking: AtomicBool,
    came: Notify,
    has_come: AtomicBool,
}

impl Death {
    pub(super) fn new(at_progress: Option<usize>) -> Self {
        Self { at_progress, is_blocking: AtomicBool::new(false), came: Notify::new(), has_come: AtomicBool::new(false) }
    }

    pub(super) fn note_blocking(&self) {
        self.is_blocking.store(true, Ordering::SeqCst);
    }

    pub(super) fn comes_at(&self, progress: usize) -> bool {
        self.at_progress == Some(progress)
    }

    /// It comes: an async function goes no further. A plain one is told what it would hear when it lived on too long.
    pub(super) async fn come(&self) -> Result<(), Error> {
        self.has_come.store(true, Ordering::SeqCst);
        self.came.notify_one();
        if self.is_blocking.load(Ordering::SeqCst) {
            return Err(Error::lease_lost("this attempt"));
        }
        pending().await
    }

    pub(super) fn has_come(&self) -> bool {
        self.has_come.load(Ordering::SeqCst)
    }
}

/// Waits for it, where there is one.
pub(super) async fn of(death: Option<&Death>) {
    match death {
        Some(death) => death.came.notified().await,
        None => pending().await,
    }
}
