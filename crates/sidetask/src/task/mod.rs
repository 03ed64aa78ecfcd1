//! One task in this process.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use sidetask_core::{Call, Error, IntoOutcome, RateLimit, Registry};

use crate::BlockingPool;

mod attempts;
mod blocking;
pub(crate) mod body;
mod call;
pub(crate) mod label;
pub(crate) mod lent;
mod plain;
mod retry;
mod running;

use body::{Body, BoxFuture};
use label::Label;
use lent::Lent;
pub use retry::Retry;
pub use running::Running;

#[doc = include_str!("../../docs/task.md")]
#[must_use = "a task does nothing until it is awaited or spawned"]
pub struct Task<T = ()> {
    label: Label,
    body: Box<dyn Body<T>>,
    retry: Option<Box<Retry>>,
    timeout: Option<Duration>,
    rate: Option<Box<Rate>>,
    lent: Lent,
}

/// How often attempts may begin.
#[derive(Clone, Debug)]
enum Rate {
    /// Under the task's own name.
    Own {
        per: Duration,
        burst: u32,
    },
    Of(RateLimit),
}

impl<T: Send + 'static> Task<T> {
    /// A task of an async closure, called anew for each attempt. What it returns is a `Result`, or a plain value of a
    /// common type.
    ///
    /// A closure that gives away what it captured can be called only once: clone inside of it, or use
    /// [`once`](Task::once).
    #[track_caller]
    pub fn new<F, Fut>(f: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output: IntoOutcome<Output = T>> + Send + 'static,
    {
        Self::of(Label::at(Location::caller()), body::Repeated(Some(f)))
    }

    /// A task of a closure that blocks, run on the [blocking pool](BlockingPool); called anew for each attempt, never
    /// twice at once. What it returns is a `Result`, or a plain value of a common type.
    #[track_caller]
    pub fn blocking<F, R>(f: F) -> Self
    where
        F: FnMut() -> R + Send + 'static,
        R: IntoOutcome<Output = T>,
    {
        Self::of(Label::at(Location::caller()), blocking::Repeated::<F, T>::new(f))
    }

    /// A task of one future. It can run only once: with more than one attempt it is refused when it runs.
    #[track_caller]
    pub fn once<Fut>(future: Fut) -> Self
    where
        Fut: Future<Output: IntoOutcome<Output = T>> + Send + 'static,
    {
        Self::of(Label::at(Location::caller()), body::Once(Some(future)))
    }

    /// A task of a closure that blocks and gives away what it captured. It can run only once: with more than one attempt
    /// it is refused when it runs.
    #[track_caller]
    pub fn blocking_once<F, R>(f: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: IntoOutcome<Output = T>,
    {
        Self::of(Label::at(Location::caller()), blocking::Once(Some(f)))
    }

    pub(crate) fn of(label: Label, body: impl Body<T> + 'static) -> Self {
        Self { label, body: Box::new(body), retry: None, timeout: None, rate: None, lent: Lent::default() }
    }

    /// Gives it the name that errors and logs call it by. Default: a call's kind; for others the place where the task
    /// was made.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.label.name = Some(name.into());
        self
    }

    /// Tries again after a failure: `.retry(3)`, or a [`Retry`] with a backoff of its own. Default: one attempt; for a
    /// call, what its kind says.
    pub fn retry(mut self, retry: impl Into<Retry>) -> Self {
        self.retry = Some(Box::new(retry.into()));
        self
    }

    /// How long one attempt may take. An attempt that takes longer fails with [`is_timeout`](Error::is_timeout) and may
    /// be retried. Async code is dropped then. Code on the blocking pool cannot be stopped and goes on: the next attempt
    /// takes over that call in place of a second one, and after the last attempt its result is dropped. Default: no
    /// limit; for a call, what its kind says. Zero lets nothing pass that has to wait.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Begins one attempt each `per`, and up to `burst` at once after a pause: the [`RateLimit`] of the task's name, so
    /// that all tasks of this name in the process share it, or of the place where it was made. Each attempt waits for
    /// its permit first, retries included; the wait does not count against the timeout. By the tokio runtime's clock.
    /// A limit that cannot be used, or is not the one that the name has already, is refused when the task runs.
    /// Default: no limit; for a call, what its kind says.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sidetask::{Task, TaskError};
    /// # async fn call_the_crm() -> Result<(), TaskError> { Ok(()) }
    /// let task = Task::new(call_the_crm).named("crm").retry(5).rate_limit(Duration::from_millis(100), 5);
    /// ```
    pub fn rate_limit(mut self, per: Duration, burst: u32) -> Self {
        self.rate = Some(Box::new(Rate::Own { per, burst }));
        self
    }

    /// [`rate_limit`](Self::rate_limit) with a limit that tasks of other names may share.
    pub fn limited_by(mut self, limit: RateLimit) -> Self {
        self.rate = Some(Box::new(Rate::Of(limit)));
        self
    }

    /// Lends a `#[state]` value, in place of an earlier one of its type and of that of a list around. For tasks made of
    /// a [`Call`]; others take no notice.
    pub fn state<S: Clone + Send + Sync + 'static>(mut self, value: S) -> Self {
        self.lent.states.insert(value);
        self
    }

    /// Where the function of a [`Call`] is looked up. Default: that of the list around, else all `#[task]` functions
    /// linked into the program.
    pub fn registry(mut self, registry: impl Into<Arc<Registry>>) -> Self {
        self.lent.registry = Some(registry.into());
        self
    }

    /// The pool that blocking code runs on, or [its name](BlockingPool::named). A call whose function names a pool runs
    /// on that one all the same. Default: that of the list around, else [`BlockingPool::shared`].
    pub fn pool(mut self, pool: impl Into<BlockingPool>) -> Self {
        self.lent.pool = Some(pool.into());
        self
    }

    /// What it is called: its name, or the place where it was made.
    pub fn name(&self) -> String {
        self.label.to_string()
    }

    /// Where it was made.
    pub const fn place(&self) -> &'static Location<'static> {
        self.label.place
    }

    /// Starts it on the tokio runtime of the caller, at once. Outside of one, the error comes from awaiting what this
    /// returns.
    pub fn spawn(self) -> Running<T> {
        Running::start(self)
    }

    pub(crate) const fn label(&self) -> &Label {
        &self.label
    }

    pub(crate) const fn lent(&self) -> &Lent {
        &self.lent
    }
}

/// Runs the call in this process.
impl<T: DeserializeOwned + Send + 'static> From<Call<T>> for Task<T> {
    #[track_caller]
    fn from(call: Call<T>) -> Self {
        let label = Label { name: Some(call.kind().to_owned().into()), place: Location::caller() };
        Self::of(label, call::Called::new(call))
    }
}

/// Runs it within the awaiting task, without spawning. Dropping the future cancels it.
impl<T: Send + 'static> IntoFuture for Task<T> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'static, Result<T, Error>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let ended = self.run(None).await;
            ended.unwrap_or_else(|| Err(Error::cancelled(format_args!("`{}`", self.label))))
        })
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Task");
        out.field("task", &self.label).field("retry", &self.retry).field("timeout", &self.timeout);
        out.finish_non_exhaustive()
    }
}

/// What can be added to [`Tasks`](crate::Tasks): a [`Task`], a [`Call`], other `Tasks`.
pub trait IntoTask {
    /// What it returns when it succeeds.
    type Output: Send + 'static;

    /// The task.
    #[track_caller]
    fn into_task(self) -> Task<Self::Output>;
}

impl<T: Send + 'static> IntoTask for Task<T> {
    type Output = T;

    fn into_task(self) -> Self {
        self
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoTask for Call<T> {
    type Output = T;

    #[track_caller]
    fn into_task(self) -> Task<T> {
        self.into()
    }
}
