//! Panics of user code, as errors.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

mod origin;

pub(crate) use origin::listen;
use origin::{Origin, Watching};

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

/// A panic that was caught.
#[derive(Debug)]
pub(crate) struct Panic {
    payload: Box<dyn Any + Send>,
    origin: Option<Box<Origin>>,
}

impl Panic {
    /// What it said.
    pub(crate) fn message(&self) -> &str {
        message(&*self.payload)
    }

    /// What it said and, in brackets, the file and line; where `RUST_BACKTRACE` asks for it, then a line
    /// [`BACKTRACE`] and the frames.
    pub(crate) fn in_full(&self) -> String {
        let mut text = self.message().to_owned();
        let Some(origin) = &self.origin else { return text };
        let frames = origin.frames();
        if frames.is_some() {
            text.truncate(text.floor_char_boundary(MESSAGE_BYTES));
        }
        text.extend([" (", &origin.place, ")"]);
        if let Some(frames) = frames {
            text.extend(["\n", BACKTRACE, "\n", &frames]);
        }
        text
    }
}

/// How much of what a panic said is kept beside its backtrace, in bytes.
const MESSAGE_BYTES: usize = 1024;

/// What stands between an error and the backtrace that is kept with it.
pub(crate) const BACKTRACE: &str = "stack backtrace:";

/// An attempt's error without its backtrace.
pub(crate) fn without_backtrace(error: &str) -> &str {
    let at = error.match_indices(BACKTRACE).map(|(at, _)| at).find(|at| error[..*at].ends_with('\n'));
    at.map_or(error, |at| &error[..at - 1])
}

/// Calls `f`, and answers with its panic where it does.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    let _watching = Watching::begin();
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Panic { payload, origin: Watching::origin() })
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
            Err(panic) => Poll::Ready(Err(panic.message().to_owned())),
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
