//! Panics of user code, as errors.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a panic said.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}

pub(crate) type Panic = Box<dyn Any + Send>;

/// Calls `f`, and answers with its panic where it does.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Polls a future and makes its panic an error: what the panic said. The future is dropped as soon as it ends, so that
/// a panic of that counts as well.
pub(crate) struct Catch<'a, T>(Option<Pin<Box<dyn Future<Output = T> + Send + 'a>>>);

impl<'a, T> Catch<'a, T> {
    pub(crate) fn new(future: Pin<Box<dyn Future<Output = T> + Send + 'a>>) -> Self {
        Self(Some(future))
    }
}

impl<T> Future for Catch<'_, T> {
    type Output = Result<T, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut future) = self.0.take() else {
            return Poll::Ready(Err(String::from("it was polled after its end")));
        };
        // Whatever the panic left half done is dropped with the future and never seen again.
        let polled = catch(|| match future.as_mut().poll(cx) {
            Poll::Ready(output) => {
                drop(future);
                Ok(output)
            }
            Poll::Pending => Err(future),
        });
        match polled {
            Ok(Ok(output)) => Poll::Ready(Ok(output)),
            Ok(Err(future)) => {
                self.0 = Some(future);
                Poll::Pending
            }
            Err(payload) => Poll::Ready(Err(message(&*payload).to_owned())),
        }
    }
}

/// A future whose panics, in polling it and in dropping it, go no further.
pub(crate) struct Caught<F>(Option<Pin<Box<F>>>)
where
    F: Future + ?Sized;

impl<F: Future + ?Sized> Caught<F> {
    pub(crate) fn new(future: Pin<Box<F>>) -> Self {
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
