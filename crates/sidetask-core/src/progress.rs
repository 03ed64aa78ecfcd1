use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};

use serde::{Deserialize, Serialize};

use crate::{Context, Error};

/// How far an attempt has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is done, in units of the task's choosing.
    pub done: u64,
    /// What there is to do, in the same units. Zero where nobody knows.
    pub total: u64,
    /// A word for people, at most [`Progress::MESSAGE_BYTES`] long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Progress {
    /// The longest message that is kept, in bytes. A longer one is cut.
    pub const MESSAGE_BYTES: usize = 1024;
}

/// Progress about to be reported: await it to store it, or [wait](Self::wait) in code that blocks. Made by
/// [`Context::progress`].
#[derive(Debug)]
#[must_use = "progress is stored when it is awaited"]
pub struct ProgressReport<'a> {
    context: &'a Context,
    progress: Progress,
}

impl<'a> ProgressReport<'a> {
    pub(crate) fn new(context: &'a Context, done: u64, total: u64) -> Self {
        Self { context, progress: Progress { done, total, message: None } }
    }

    /// Adds a word for people, cut to [`Progress::MESSAGE_BYTES`].
    pub fn message(mut self, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(Progress::MESSAGE_BYTES));
        self.progress.message = Some(message);
        self
    }

    /// Stores it, for tasks that are plain functions. Async code awaits it instead: this holds up its thread until the
    /// store has answered.
    ///
    /// # Errors
    /// Those of [`Context::progress`].
    pub fn wait(self) -> Result<(), Error> {
        let mut stored = pin!(self.into_future());
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = std::task::Context::from_waker(&waker);
        loop {
            match stored.as_mut().poll(&mut cx) {
                Poll::Ready(result) => return result,
                Poll::Pending => thread::park(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<'a> IntoFuture for ProgressReport<'a> {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.context.store_progress(self.progress))
    }
}
