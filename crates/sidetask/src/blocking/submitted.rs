use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use sidetask_core::Error;
use tokio::sync::oneshot;

use super::BlockingPool;
use crate::panics::{Panic, catch};

/// A function that a pool accepted: awaits what it returned. Dropping it withdraws the function.
#[derive(Debug)]
pub(crate) struct Submitted<T> {
    // Keeps the pool's threads for as long as somebody waits for one of them.
    pool: BlockingPool,
    number: u64,
    result: oneshot::Receiver<Result<T, Panic>>,
    ended: bool,
}

/// Why a function returned nothing.
#[derive(Debug)]
pub(crate) enum Lost {
    Panicked(Panic),
    /// The system gave no thread, after the function was accepted.
    Refused(Error),
}

impl Lost {
    /// The error of the function of this name.
    pub(crate) fn of(self, name: &str) -> Error {
        match self {
            Self::Panicked(panic) => Error::panicked(name, panic.message()),
            Self::Refused(error) => error,
        }
    }
}

impl<T: Send + 'static> Submitted<T> {
    pub(super) fn to(pool: BlockingPool, f: impl FnOnce() -> T + Send + 'static) -> Result<Self, Error> {
        let (sender, result) = oneshot::channel();
        let number = pool.0.push(Box::new(move || {
            let ended = catch(f);
            let panicked = ended.is_err();
            // Nobody may wait any more; the result is dropped then.
            let _ = sender.send(ended);
            if panicked {
                // The pool counts it.
                resume_unwind(Box::new(()));
            }
        }))?;
        Ok(Self { pool, number, result, ended: false })
    }
}

impl<T> Submitted<T> {
    /// Removes the function from the queue. False where it has begun: it cannot be stopped then.
    pub(crate) fn withdraw(&self) -> bool {
        self.pool.0.withdraw(self.number)
    }
}

impl<T> Future for Submitted<T> {
    type Output = Result<T, Lost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(received) = Pin::new(&mut self.result).poll(cx) else { return Poll::Pending };
        self.ended = true;
        Poll::Ready(match received {
            Ok(ended) => ended.map_err(Lost::Panicked),
            Err(_) => Err(Lost::Refused(self.pool.0.full())),
        })
    }
}

impl<T> Drop for Submitted<T> {
    fn drop(&mut self) {
        if !self.ended {
            self.withdraw();
        }
    }
}
