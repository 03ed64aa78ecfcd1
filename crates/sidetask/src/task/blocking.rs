//! Tasks on the blocking pool.

use std::sync::{Arc, Mutex, PoisonError};

use sidetask_core::{CancelToken, Error, IntoOutcome, TaskError};

use super::body::{Attempt, Body, BoxFuture, Ended, Plain, Plan, runs_once};
use super::label::Label;
use super::lent::Lent;
use super::plain;
use crate::blocking::Submitted;

type Outcome<T> = Result<T, TaskError>;

/// A closure, called anew for each attempt, never twice at once.
pub(super) struct Repeated<F, T> {
    f: Arc<Mutex<F>>,
    /// A call that outlived its attempt. The next attempt takes it over.
    call: Option<Submitted<Outcome<T>>>,
}

impl<F, T> Repeated<F, T> {
    pub(super) fn new(f: F) -> Self {
        Self { f: Arc::new(Mutex::new(f)), call: None }
    }
}

impl<F, R> Repeated<F, R::Output>
where
    F: FnMut() -> R + Send + 'static,
    R: IntoOutcome,
{
    fn function(&self) -> impl FnOnce() -> Outcome<R::Output> + Send + use<F, R> {
        let f = Arc::clone(&self.f);
        move || (f.lock().unwrap_or_else(PoisonError::into_inner))().into_outcome()
    }
}

impl<F, R> Body<R::Output> for Repeated<F, R::Output>
where
    F: FnMut() -> R + Send + 'static,
    R: IntoOutcome,
{
    fn prepare(&mut self, _lent: &Lent) -> Result<Plan, Error> {
        // What an earlier run left behind is not this run's.
        self.call = None;
        Ok(Plan::default())
    }

    fn plain(&mut self, label: &Label) -> Option<Plain> {
        Some(Plain::Blocking(plain::function(self.function(), label)))
    }

    fn attempt<'a>(&'a mut self, of: Attempt<'a>) -> BoxFuture<'a, Result<R::Output, Ended>> {
        Box::pin(async move {
            let call = match self.call.take() {
                Some(call) => call,
                None => of.lent.pool().submit(self.function()).map_err(Ended::Broken)?,
            };
            let ended = end_of(self.call.insert(call), of, None).await;
            self.call = None;
            ended
        })
    }
}

/// A closure that can be called only once.
pub(super) struct Once<F>(pub(super) Option<F>);

impl<F, R> Body<R::Output> for Once<F>
where
    F: FnOnce() -> R + Send + 'static,
    R: IntoOutcome,
{
    fn is_once(&self) -> bool {
        true
    }

    fn plain(&mut self, label: &Label) -> Option<Plain> {
        let f = self.0.take()?;
        Some(Plain::Blocking(plain::function(move || f().into_outcome(), label)))
    }

    fn attempt<'a>(&'a mut self, of: Attempt<'a>) -> BoxFuture<'a, Result<R::Output, Ended>> {
        let f = self.0.take();
        Box::pin(async move {
            let f = f.ok_or_else(|| Ended::Refused(runs_once(of.label)))?;
            let mut call = of.lent.pool().submit(move || f().into_outcome()).map_err(Ended::Broken)?;
            end_of(&mut call, of, None).await
        })
    }
}

/// Awaits a call on the pool. When the list around it wants an end, a call that has not begun is withdrawn; one that
/// has is told by `cancel` and awaited all the same, since nothing can stop it.
pub(super) async fn end_of<T: Send + 'static>(
    call: &mut Submitted<Outcome<T>>,
    of: Attempt<'_>,
    cancel: Option<&CancelToken>,
) -> Result<T, Ended> {
    let ended = tokio::select! {
        biased;
        ended = &mut *call => ended,
        () = of.lent.stopped() => {
            if call.withdraw() {
                return Err(Ended::Stopped);
            }
            if let Some(cancel) = cancel {
                cancel.cancel();
            }
            call.await
        }
    };
    match ended {
        Ok(outcome) => Ok(outcome?),
        Err(lost) => Err(Ended::Broken(lost.of(&of.label.to_string()))),
    }
}
