use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::slot::{Polling, Subject};
use super::switch;

/// A future whose polls are watched while that is turned on.
pub(crate) struct Watched<F, S> {
    future: F,
    /// Made when it is first needed, and lent to the slot of the thread for each poll.
    subject: Option<Subject>,
    name: S,
}

impl<F, S> Watched<F, S>
where
    F: Future + Unpin,
    S: Fn() -> Subject + Unpin,
{
    pub(crate) const fn new(future: F, name: S) -> Self {
        Self { future, subject: None, name }
    }
}

impl<F, S> Future for Watched<F, S>
where
    F: Future + Unpin,
    S: Fn() -> Subject + Unpin,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, subject, name } = self.get_mut();
        let future = Pin::new(future);
        let Some(threshold) = switch::threshold() else { return future.poll(cx) };
        let polling = Polling::begin(subject.take().unwrap_or_else(name), threshold);
        let polled = future.poll(cx);
        *subject = polling.end();
        polled
    }
}
