use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use sidetask_core::Error;
use tokio::sync::oneshot;

use super::BlockingPool;

/// A function that a pool accepted: awaits what it returned, or its panic. Dropping it withdraws the function.
#[derive(Debug)]
pub(crate) struct Submitted<T> {
    // Keeps the pool's threads for as long as somebody waits for one of them.
    pool: BlockingPool,
    number: u64,
    result: oneshot::Receiver<thread::Result<T>>,
}

impl<T: Send + 'static> Submitted<T> {
    pub(super) fn to(pool: BlockingPool, f: impl FnOnce() -> T + Send + 'static) -> Result<Self, Error> {
        let (sender, result) = oneshot::channel();
        let number = pool.0.push(Box::new(move || {
            // Nobody may wait any more; the result is dropped then.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(f)));
        }))?;
        Ok(Self { pool, number, result })
    }
}

impl<T> Submitted<T> {
    /// Removes the function from the queue. False where it has begun: it cannot be stopped then.
    pub(crate) fn withdraw(&self) -> bool {
        self.pool.0.withdraw(self.number)
    }
}

impl<T> Future for Submitted<T> {
    type Output = thread::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.result)
            .poll(cx)
            .map(|received| received.unwrap_or_else(|_| Err(Box::new("it was withdrawn from the blocking pool"))))
    }
}

impl<T> Drop for Submitted<T> {
    fn drop(&mut self) {
        self.withdraw();
    }
}
