//! Panics of a user's code, kept from the worker.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) use crate::panics::{Panic, catch};

/// A future whose panics, in polling it and in dropping it, go no further.
pub(super) struct Caught<F>(Option<Pin<Box<F>>>)
where
    F: Future + ?Sized;

impl<F: Future + ?Sized> Caught<F> {
    pub(super) fn new(future: Pin<Box<F>>) -> Self {
        Self(Some(future))
    }
}

impl<F: Future + ?Sized> Future for Caught<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let polled = match catch(|| future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        let future = self.0.take();
        Poll::Ready(match catch(|| drop(future)) {
            Ok(()) => polled,
            Err(panic) => polled.and(Err(panic)),
        })
    }
}

impl<F: Future + ?Sized> Drop for Caught<F> {
    fn drop(&mut self) {
        let future = self.0.take();
        // Nobody is left to tell.
        let _ = catch(|| drop(future));
    }
}
