//! Tasks that nobody waits for, with one attempt and no limit of time or rate: they run without all that the waits
//! around an attempt take.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use sidetask_core::{Error, IntoOutcome, TaskError};

use super::Task;
use super::attempts::{after, error_of};
use super::body::{Attempt, BoxFuture, Ended, Plain, PlainEnd, runs_once};
use super::label::Label;
use super::lent::Lent;
use crate::panics::{Panic, catch};
use crate::stall::{Subject, Watched};

impl<T: Send + 'static> Task<T> {
    /// Begins it as a plain attempt; `None` where it takes more to run it.
    pub(crate) fn plain(&mut self) -> Option<Plain> {
        let is_single = self.retry.as_ref().is_none_or(|retry| retry.max_attempts == 1);
        let is_plain = is_single && self.timeout.is_none() && self.rate.is_none();
        if is_plain { self.body.plain(&self.label) } else { None }
    }
}

/// Calls `f` anew for each time that it is to run.
pub(super) fn repeated<F, Fut>(mut f: F, label: &Label) -> BoxFuture<'static, Result<(), Error>>
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output: IntoOutcome> + Send + 'static,
{
    let label = label.clone();
    Box::pin(async move {
        loop {
            match attempt(&mut f, &label).await {
                PlainEnd::Over(ended) => return ended,
                PlainEnd::Again(wait) => Box::pin(tokio::time::sleep(wait)).await,
            }
        }
    })
}

pub(super) fn once<Fut>(future: Fut, label: &Label) -> BoxFuture<'static, Result<(), Error>>
where
    Fut: Future<Output: IntoOutcome> + Send + 'static,
{
    let label = label.clone();
    Box::pin(async move {
        match attempt(|| future, &label).await {
            PlainEnd::Over(ended) => ended,
            PlainEnd::Again(_) => Err(runs_once(&label)),
        }
    })
}

async fn attempt<Fut: Future<Output: IntoOutcome>>(f: impl FnOnce() -> Fut, label: &Label) -> PlainEnd {
    let ended = {
        let mut f = Some(f);
        let mut future = pin!(None);
        let polled = poll_fn(|cx| {
            if let Some(f) = f.take() {
                future.set(Some(f()));
            }
            future.as_mut().as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx))
        });
        let mut polled = pin!(polled);
        let caught = poll_fn(|cx| match catch(|| polled.as_mut().poll(cx)) {
            Ok(polled) => polled.map(|returned| returned.into_outcome().map(drop).map_err(Ended::Failed)),
            Err(panic) => Poll::Ready(Err(panicked(&panic, label))),
        });
        Watched::new(caught, || Subject::Task(label.clone(), None)).await
    };
    end(ended, label)
}

pub(super) fn function<T>(
    f: impl FnOnce() -> Result<T, TaskError> + Send + 'static,
    label: &Label,
) -> Box<dyn FnOnce() -> PlainEnd + Send> {
    let label = label.clone();
    Box::new(move || {
        let ended = match catch(|| f().map(drop)) {
            Ok(returned) => returned.map_err(Ended::Failed),
            Err(panic) => Err(panicked(&panic, &label)),
        };
        end(ended, &label)
    })
}

fn panicked(panic: &Panic, label: &Label) -> Ended {
    Ended::Broken(Error::panicked(&label.to_string(), panic.message()))
}

/// It is the only attempt, unless it asks to run later.
fn end(ended: Result<(), Ended>, label: &Label) -> PlainEnd {
    let Err(ended) = ended else { return PlainEnd::Over(Ok(())) };
    let attempt = Attempt { label, number: 1, max_attempts: 1, timeout: None, lent: &Lent::default() };
    match after(ended, attempt, || Duration::ZERO) {
        Ok((wait, _)) => PlainEnd::Again(wait),
        Err(ended) => PlainEnd::Over(error_of(ended, label).map_or(Ok(()), Err)),
    }
}
