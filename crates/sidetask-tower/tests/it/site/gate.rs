use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::until;

/// A gate that tasks wait at, and a count of those that came.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(Semaphore, AtomicUsize)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), AtomicUsize::new(0))))
    }

    /// Waits to be let through.
    pub(crate) async fn pass(&self) {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        self.0.0.acquire().await.unwrap().forget();
    }

    /// The same on a thread that may block.
    pub(crate) fn pass_blocking(&self) {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        while self.0.0.try_acquire().map(SemaphorePermit::forget).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets some through.
    pub(crate) fn open(&self, number: usize) {
        self.0.0.add_permits(number);
    }

    pub(crate) fn came(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    /// Waits until so many came.
    pub(crate) async fn until_came(&self, number: usize) {
        until(&format!("{number} at the gate"), || self.came() >= number).await;
    }
}
