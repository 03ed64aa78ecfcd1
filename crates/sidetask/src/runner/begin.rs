//! Beginning tasks, in tasks of the runtime or on threads of a pool, and what follows when they end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use sidetask_core::Error;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::book::{Entry, Key, Left};
use super::prepared::Ready;
use super::{Prepared, Runner, TaskFailure};
use crate::BlockingPool;
use crate::panics::catch;
use crate::task::body::{Plain, PlainEnd};
use crate::task::label::Label;
use crate::tasks::Member;

/// Begins a task that is in the book already.
pub(super) fn begin(runner: &Runner, runtime: &Handle, task: Prepared, key: Key) {
    let Prepared { mut member, origin } = task;
    let place = Place { runner: runner.clone(), key, pool: None, is_over: false };
    // A subscriber may panic. The task's place notices.
    let _ = catch(|| {
        let span = tracing::info_span!(parent: None, "task", name = %member.label(), origin = origin.id);
        span.follows_from(&origin.span);
        match member.plain() {
            Some(Plain::Async(future)) => spawn(runtime, span, place, future),
            Some(Plain::Blocking(run)) => Running { place, span, member }.on_pool(runtime.clone(), run),
            None => Running { place, span, member }.on_runtime(runtime, Duration::ZERO),
        }
    });
}

/// Begins the task whose turn came when another left, one after the other where one leads to the next: a runtime that has
/// shut down ends each task at once, and with it begins the next.
fn begin_in_turn(runner: &Runner, ready: Ready, key: Key) {
    thread_local!(static TURN: RefCell<Option<VecDeque<(Runner, Ready, Key)>>> = const { RefCell::new(None) });
    let mut next = Some((runner.clone(), ready, key));
    // A thread that is ending has no turns any more.
    let is_nested = TURN.try_with(|turn| match &mut *turn.borrow_mut() {
        Some(turn) => {
            turn.extend(next.take());
            true
        }
        turn => {
            *turn = Some(VecDeque::new());
            false
        }
    });
    if is_nested.unwrap_or(false) {
        return;
    }
    while let Some((runner, Ready { runtime, task }, key)) = next {
        begin(&runner, &runtime, task, key);
        let following = TURN.try_with(|turn| turn.borrow_mut().as_mut().and_then(VecDeque::pop_front));
        next = following.ok().flatten();
    }
    let _ = TURN.try_with(RefCell::take);
}

fn spawn(runtime: &Handle, span: Span, place: Place, task: impl Future<Output = Result<(), Error>> + Send + 'static) {
    let running = async move {
        // What was told to stop has been spoken for.
        if let Some(ended) = unless_stopped(&place, task).await {
            place.end(ended);
        }
    };
    // A runtime that has shut down drops the future here, and with it the place.
    drop(if span.is_none() { runtime.spawn(running) } else { runtime.spawn(running.instrument(span)) });
}

/// Awaits a task, or drops it where a shutdown gives it up. The book hears of it when it has to wait, which most do not.
async fn unless_stopped<T>(place: &Place, task: impl Future<Output = T>) -> Option<T> {
    let mut task = pin!(task);
    let mut stop = place.runner.is_given_up().then(|| place.stop());
    poll_fn(|cx| {
        if let Some(stop) = &mut stop
            && Pin::new(stop).poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        if let Poll::Ready(ended) = task.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        if stop.is_none() && Pin::new(stop.insert(place.stop())).poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}

/// A task that begins, and may have to run again.
struct Running {
    place: Place,
    span: Span,
    member: Box<dyn Member>,
}

impl Running {
    fn on_runtime(self, runtime: &Handle, wait: Duration) {
        let Self { place, span, mut member } = self;
        let runner = place.runner.clone();
        let ended = async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            let outcome = member.run(&runner.0.settings.lent).await;
            outcome.map_or(Ok(()), |outcome| outcome.map(drop))
        };
        spawn(runtime, span, place, ended);
    }

    /// Runs a blocking function without a task of the runtime that would only wait for it.
    fn on_pool(mut self, runtime: Handle, run: Box<dyn FnOnce() -> PlainEnd + Send>) {
        let runner = self.place.runner.clone();
        let pool = self.member.lent().within(Some(&runner.0.settings.lent)).pool();
        self.place.pool = Some(pool.clone());
        let function = move || {
            if self.place.runner.is_given_up() {
                return;
            }
            let ended = self.span.in_scope(run);
            self.place.pool = None;
            match ended {
                PlainEnd::Over(ended) => {
                    let Self { place, member, .. } = self;
                    drop(member);
                    place.end(ended);
                }
                PlainEnd::Again(wait) => self.on_runtime(&runtime, wait),
            }
        };
        // One that the pool has no room for is dropped, which its place in the book notices.
        pool.submit_and_forget(Box::new(function));
    }
}

/// The place of a running task in the book. It ends with the task, however that ends.
struct Place {
    runner: Runner,
    key: Key,
    /// The pool that it waits for.
    pool: Option<BlockingPool>,
    is_over: bool,
}

/// How a task ended.
enum Ended {
    Completed,
    Failed(Error),
    /// In dropping one of its values, or in a tracing subscriber.
    Panicked,
    /// Refused by its pool, or with its runtime.
    Lost(Option<BlockingPool>),
}

impl Place {
    fn end(mut self, outcome: Result<(), Error>) {
        self.is_over = true;
        self.leave(outcome.map_or_else(Ended::Failed, |()| Ended::Completed));
    }

    /// Completes when a shutdown gives the task up.
    fn stop(&self) -> oneshot::Receiver<()> {
        self.runner.book().stop(self.key)
    }

    fn leave(&self, ended: Ended) {
        let is_failure = !matches!(ended, Ended::Completed);
        let (Left { entry, next, is_last }, makes_room) = self.runner.change(|book| book.end(self.key, is_failure));
        let Some(Entry { label, origin, .. }) = entry else { return };
        if let Some((ready, key)) = next {
            begin_in_turn(&self.runner, ready, key);
        }
        if let Some(error) = ended.error(&label) {
            let (name, place) = (&*label.to_string(), Some(label.place));
            self.runner.report(&TaskFailure { name, place, origin: origin.as_deref(), error: &error });
        }
        if makes_room {
            self.runner.0.room.notify_one();
        }
        if is_last {
            self.runner.0.quiet.notify_waiters();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let is_panic = std::thread::panicking();
        let lost = self.pool.take();
        self.leave(if is_panic { Ended::Panicked } else { Ended::Lost(lost) });
    }
}

impl Ended {
    fn error(self, label: &Label) -> Option<Error> {
        match self {
            Self::Completed => None,
            Self::Failed(error) => Some(error),
            Self::Panicked => Some(Error::panicked(
                &label.to_string(),
                "outside of its own code: one of its values when it was dropped, or a tracing subscriber",
            )),
            Self::Lost(Some(pool)) => Some(pool.full()),
            Self::Lost(None) => Some(Error::cancelled(format_args!("`{label}`, whose runtime shuts down,"))),
        }
    }
}
