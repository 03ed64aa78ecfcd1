//! What a task runs: closures, futures, calls, lists.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::time::Duration;

use sidetask_core::{Error, IntoOutcome, RateLimit, TaskError};

use super::label::Label;
use super::lent::Lent;
use super::plain;
use super::retry::Retry;

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An attempt without all that the waits around it need. It catches panics.
pub(crate) enum Plain {
    Async(BoxFuture<'static, Result<(), Error>>),
    Blocking(Box<dyn FnOnce() -> PlainEnd + Send>),
}

/// How a plain attempt ended.
#[derive(Debug)]
pub(crate) enum PlainEnd {
    /// With the task.
    Over(Result<(), Error>),
    /// The task wants to run again after this long.
    Again(Duration),
}

/// What a task runs, attempt by attempt.
pub(crate) trait Body<T>: Send {
    /// Gets ready for a run of its attempts, and says what applies to them unless the task says otherwise.
    fn prepare(&mut self, _lent: &Lent) -> Result<Plan, Error> {
        Ok(Plan::default())
    }

    /// Whether there can be one attempt only.
    fn is_once(&self) -> bool {
        false
    }

    /// Takes the code out, to run where nothing but the code is needed for it and nobody wants its value.
    fn plain(&mut self, _label: &Label) -> Option<Plain> {
        None
    }

    /// One attempt. It ends with [`Ended::Stopped`] soon after [`Lent::stopped`].
    fn attempt<'a>(&'a mut self, of: Attempt<'a>) -> BoxFuture<'a, Result<T, Ended>>;
}

/// What applies to the attempts of one run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) retry: Retry,
    pub(crate) timeout: Option<Duration>,
    pub(crate) delay: Duration,
    /// Where what it runs is defined, unless that is where the task was made.
    pub(crate) place: Option<&'static Location<'static>>,
    pub(crate) rate_limit: Option<RateLimit>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { retry: Retry::attempts(1), timeout: None, delay: Duration::ZERO, place: None, rate_limit: None }
    }
}

/// Which attempt it is, and what it runs with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) label: &'a Label,
    pub(crate) number: u32,
    pub(crate) max_attempts: u32,
    pub(crate) timeout: Option<Duration>,
    pub(crate) lent: &'a Lent,
}

/// How an attempt ended without a value.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With the user's error.
    Failed(TaskError),
    /// With a panic, out of time, or for want of a thread: another attempt may do better.
    Broken(Error),
    /// It cannot run at all.
    Refused(Error),
    /// The list around it wanted it to end.
    Stopped,
}

impl From<TaskError> for Ended {
    fn from(error: TaskError) -> Self {
        Self::Failed(error)
    }
}

/// An async closure, called anew for each attempt. It is there until a plain attempt takes it.
pub(super) struct Repeated<F>(pub(super) Option<F>);

impl<F, Fut, R> Body<R::Output> for Repeated<F>
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoOutcome,
{
    fn plain(&mut self, label: &Label) -> Option<Plain> {
        Some(Plain::Async(plain::repeated(self.0.take()?, label)))
    }

    fn attempt<'a>(&'a mut self, of: Attempt<'a>) -> BoxFuture<'a, Result<R::Output, Ended>> {
        Box::pin(async move {
            let f = self.0.as_mut().ok_or_else(|| Ended::Refused(runs_once(of.label)))?;
            let returned = of.lent.unless_stopped(f()).await?;
            Ok(returned.into_outcome()?)
        })
    }
}

/// A future, which there is only one of.
pub(super) struct Once<Fut>(pub(super) Option<Fut>);

impl<Fut, R> Body<R::Output> for Once<Fut>
where
    Fut: Future<Output = R> + Send + 'static,
    R: IntoOutcome,
{
    fn is_once(&self) -> bool {
        true
    }

    fn plain(&mut self, label: &Label) -> Option<Plain> {
        Some(Plain::Async(plain::once(self.0.take()?, label)))
    }

    fn attempt<'a>(&'a mut self, of: Attempt<'a>) -> BoxFuture<'a, Result<R::Output, Ended>> {
        let future = self.0.take();
        Box::pin(async move {
            let future = future.ok_or_else(|| Ended::Refused(runs_once(of.label)))?;
            let returned = of.lent.unless_stopped(future).await?;
            Ok(returned.into_outcome()?)
        })
    }
}

/// The error of running again what runs once.
pub(super) fn runs_once(label: &Label) -> Error {
    Error::configuration(&[format!(
        "task `{label}` can run only once, since it was made by `Task::once` or `Task::blocking_once`: make it with \
         `Task::new` or `Task::blocking`, whose closures are called anew each time"
    )])
}
