use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use sidetask_core::Error;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::Task;
use super::label::Label;

/// A task that runs by itself, made by [`Task::spawn`]. Await it for its result.
///
/// Dropping it lets the task run on; should it fail then, that is logged as an error. It can be awaited by reference
/// (`(&mut running).await`), and doing so again after a wait that was given up loses nothing.
pub struct Running<T> {
    label: Label,
    result: Result<oneshot::Receiver<Result<T, Error>>, Option<Error>>,
    abort: Option<AbortHandle>,
}

impl<T: Send + 'static> Running<T> {
    pub(super) fn start(mut task: Task<T>) -> Self {
        let label = task.label.clone();
        let Ok(runtime) = Handle::try_current() else {
            let error = Error::configuration(&[format!("task `{label}` was spawned outside of a tokio runtime")]);
            return Self { label, result: Err(Some(error)), abort: None };
        };
        let (sender, result) = oneshot::channel();
        let running = runtime.spawn(async move {
            let ended = task.run(None).await.unwrap_or_else(|| Err(cancelled(&task.label)));
            if let Err(Err(error)) = sender.send(ended) {
                let source = std::error::Error::source(&error);
                tracing::error!(place = %task.label.place, source, "nobody waits for a task that failed: {error}");
            }
        });
        Self { label, result: Ok(result), abort: Some(running.abort_handle()) }
    }
}

impl<T> Running<T> {
    /// Stops the task at its next await. Awaiting it gives an error that [`is_cancelled`](Error::is_cancelled), unless
    /// it had ended already. A function on the blocking pool that has begun runs on to its end, its result dropped.
    pub fn abort(&self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }

    /// Whether it has ended, in whichever way.
    pub fn is_finished(&self) -> bool {
        self.abort.as_ref().is_none_or(AbortHandle::is_finished)
    }
}

/// Cancel safe: the task runs on and its result is kept.
impl<T> Future for Running<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match &mut this.result {
            Ok(receiver) => {
                let received = std::task::ready!(Pin::new(receiver).poll(cx));
                this.result = Err(None);
                Poll::Ready(received.unwrap_or_else(|_| Err(cancelled(&this.label))))
            }
            Err(error) => Poll::Ready(Err(error.take().unwrap_or_else(|| cancelled(&this.label)))),
        }
    }
}

fn cancelled(label: &Label) -> Error {
    Error::cancelled(format_args!("`{label}`"))
}

impl<T> fmt::Debug for Running<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("task", &self.label).finish_non_exhaustive()
    }
}
