//! Awaiting code that blocks.

use std::borrow::Cow;
use std::fmt;
use std::future::IntoFuture;
use std::panic::Location;

use sidetask_core::{CancelToken, Error};

use super::BlockingPool;
use crate::cancel_on_drop::CancelOnDrop;
use crate::task::body::BoxFuture;
use crate::task::label::Label;

#[doc = include_str!("../../docs/blocking.md")]
#[track_caller]
pub fn blocking<F, T>(f: F) -> Blocking<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    blocking_with_token(|_| f())
}

/// Like [`blocking`], for a function that looks at a token now and then. The token is cancelled when nobody waits for
/// the function any more, and never otherwise: ending early is up to the function, since nothing can stop its thread.
///
/// ```
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (told, was_told) = std::sync::mpsc::channel();
/// let copying = sidetask::blocking_with_token(move |cancel| {
///     while !cancel.is_cancelled() {
///         // Copy the next block.
///         std::thread::sleep(Duration::from_millis(1));
///     }
///     told.send("stopped half-way").unwrap();
/// });
/// tokio::time::timeout(Duration::from_millis(20), copying).await.unwrap_err();
/// assert_eq!(was_told.recv().unwrap(), "stopped half-way");
/// # }
/// ```
#[track_caller]
pub fn blocking_with_token<F, T>(f: F) -> Blocking<T>
where
    F: FnOnce(CancelToken) -> T + Send + 'static,
    T: Send + 'static,
{
    Blocking { label: Label::at(Location::caller()), f: Box::new(f), pool: None }
}

/// A function that blocks, to be awaited; made by [`blocking`] and [`blocking_with_token`].
#[must_use = "the function does not run until this is awaited"]
pub struct Blocking<T> {
    label: Label,
    f: Box<dyn FnOnce(CancelToken) -> T + Send>,
    pool: Option<BlockingPool>,
}

impl<T> Blocking<T> {
    /// The pool that it runs on, or [its name](BlockingPool::named). Default: [`BlockingPool::shared`].
    pub fn pool(mut self, pool: impl Into<BlockingPool>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// Gives it the name that errors call it by. Default: the place where it was made.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.label.name = Some(name.into());
        self
    }
}

/// Runs it on its pool, from when the future is first polled. What dropping that does is said at [`blocking`].
impl<T: Send + 'static> IntoFuture for Blocking<T> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'static, Result<T, Error>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { label, f, pool } = self;
            let token = CancelToken::new();
            let pool = pool.unwrap_or_else(BlockingPool::shared);
            let given = token.clone();
            let submitted = pool.submit(move || f(given))?;
            let waiting = CancelOnDrop::new(token);
            let ended = submitted.await;
            waiting.disarm();
            ended.map_err(|lost| lost.of(&label.to_string()))
        })
    }
}

impl<T> fmt::Debug for Blocking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Blocking");
        out.field("function", &self.label).field("pool", &self.pool).finish_non_exhaustive()
    }
}
