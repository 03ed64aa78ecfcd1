//! What happens after one response.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::HeaderValue;
use sidetask::{Error, Prepared, Refused, Task, TaskFailure};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Span;

use crate::Background;
use crate::background::{Contents, Durable, Preparing};
use crate::carry::Lists;
use crate::completion::Ending;
use crate::durable::{Held, Responding, Wanted, kinds, no_runtime};
use crate::shared::Shared;

/// The lists of one response, and what is needed to run them from anywhere. Dropped unsettled, it takes the client to be
/// gone.
pub(crate) struct After {
    shared: Arc<Shared>,
    lists: Lists,
    held: Vec<Held>,
    /// Its calls are on their way to the store. Dropped then, they were not stored.
    is_storing: bool,
    origin: Option<HeaderValue>,
    span: Span,
    runtime: Option<Handle>,
}

/// Told when what is durable is stored.
pub(crate) type Stored = oneshot::Receiver<Result<After, Error>>;

impl After {
    /// Of the lists that no other layer took.
    pub(crate) fn of(shared: Arc<Shared>, mut lists: Lists, origin: Option<HeaderValue>) -> Self {
        lists.retain(|list| list.take());
        let runtime = Handle::try_current().ok();
        Self { shared, lists, held: Vec::new(), is_storing: false, origin, span: Span::current(), runtime }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Drops all lists.
    pub(crate) fn forget(&mut self) {
        self.keep(|_| false);
    }

    /// The handler failed: drops the lists that do not run then.
    pub(crate) fn fail(&mut self) {
        self.keep(|list| list.policy().even_on_error);
    }

    /// The response says that the handler failed: drops the lists that do not run then. What was attached to the
    /// response runs, since whoever did that knew the response.
    pub(crate) fn fail_by_status(&mut self) {
        self.keep(|list| list.policy().even_on_error || list.is_attached());
    }

    fn keep(&mut self, runs: impl Fn(&Background) -> bool) {
        self.lists.retain(|list| {
            let runs = runs(list);
            if !runs {
                guarded(|| drop(list.end()));
            }
            runs
        });
    }

    /// The calls that are to be stored before the head goes on.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for list in self.lists.iter() {
            let (durable, only_if_sent) = list.take_durable();
            if durable.is_empty() {
                continue;
            }
            wanted.extend(durable.into_iter().map(|durable| Wanted { durable, only_if_sent }));
        }
        wanted
    }

    /// Stores calls in a task of its own, which goes on where the client does not wait for it, and gives this back.
    /// Where that fails, so has the handler.
    pub(crate) fn store(mut self, wanted: Vec<Wanted>) -> Stored {
        let (sender, stored) = oneshot::channel();
        let names = kinds(wanted.iter().map(|wanted| &wanted.durable.call));
        let Some(holder) = self.shared.holder.clone() else {
            let _ = sender.send(Err(self.unstored(&names, no_client(&names))));
            return stored;
        };
        self.is_storing = true;
        let (shared, span, runtime) = (Arc::clone(&self.shared), self.span.clone(), self.runtime.clone());
        let (origin, keeping, kinds) = (self.origin(), Arc::clone(&holder), names.clone());
        let storing = async move {
            let stored = match keeping.hold(wanted).await {
                Ok(held) => {
                    (self.held, self.is_storing) = (held, false);
                    Ok(self)
                }
                Err(error) => Err(self.unstored(&kinds, error)),
            };
            // Nobody waits for it where the client is gone, and then it is dropped here.
            let _ = sender.send(stored);
        };
        let from = Responding { runtime: runtime.as_ref(), span: &span, origin: origin.clone() };
        if let Err(error) = holder.begin(Task::once(storing).named("storing jobs"), from) {
            shared.runner.report(&TaskFailure::new(&names, &error).origin(origin.as_deref()));
        }
        stored
    }

    fn unstored(&mut self, names: &str, error: Error) -> Error {
        self.report(TaskFailure::new(names, &error));
        self.fail();
        error
    }

    /// Runs what is to run after this ending. Never panics: it is called where responses are dropped.
    pub(crate) fn settle(&mut self, ending: Ending) {
        let (lists, held) = (std::mem::take(&mut self.lists), std::mem::take(&mut self.held));
        if lists.is_empty() && held.is_empty() {
            return;
        }
        if let Some(holder) = self.shared.holder.as_ref().filter(|_| !held.is_empty()) {
            guarded(|| holder.let_go(held, ending == Ending::Sent, self.from()));
        }
        for list in lists {
            guarded(|| self.due(list.end(), ending).into_iter().for_each(|task| self.start(task)));
        }
    }

    /// What runs of a list after this ending. Of its calls only those are left that were not held: they are stored now.
    fn due(&self, contents: Contents, ending: Ending) -> Preparing {
        let Contents { policy, tasks, durable } = contents;
        if policy.only_if_sent && ending != Ending::Sent {
            return Preparing::new();
        }
        if !durable.is_empty() {
            self.store_late(durable);
        }
        tasks
    }

    fn start(&self, task: Prepared) {
        let Some(runtime) = &self.runtime else {
            self.report(TaskFailure::new(&task.name(), &no_runtime(&task.name())).place(task.place()));
            return;
        };
        let task = task.follows(&self.span).origin(self.origin());
        let runner = &self.shared.runner;
        let started = if self.shared.drops_when_full() {
            runner.start(runtime, task)
        } else {
            runner.start_over_limit(runtime, task)
        };
        if let Err(Refused { error, task, .. }) = started {
            self.report(TaskFailure::new(&task.name(), &error).place(task.place()));
        }
    }

    /// Stores calls that came after the head, or whose handler failed: they have nothing to wait for.
    fn store_late(&self, late: Vec<Durable>) {
        let names = kinds(late.iter().map(|durable| &durable.call));
        let stored = match self.shared.holder.clone() {
            None => Err(no_client(&names)),
            Some(holder) => {
                let (shared, origin, kinds) = (Arc::clone(&self.shared), self.origin(), names.clone());
                let storer = Arc::clone(&holder);
                let storing = async move {
                    if let Err(error) = storer.store(late).await {
                        shared.runner.report(&TaskFailure::new(&kinds, &error).origin(origin.as_deref()));
                    }
                };
                holder.begin(Task::once(storing).named("storing jobs"), self.from())
            }
        };
        if let Err(error) = stored {
            self.report(TaskFailure::new(&names, &error));
        }
    }

    fn from(&self) -> Responding<'_> {
        Responding { runtime: self.runtime.as_ref(), span: &self.span, origin: self.origin() }
    }

    fn report(&self, failure: TaskFailure<'_>) {
        let origin = self.origin();
        self.shared.runner.report(&failure.origin(origin.as_deref()));
    }

    fn origin(&self) -> Option<String> {
        self.origin.as_ref().map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned())
    }
}

/// Runs what may drop values of users, where no panic may pass.
fn guarded(f: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(f)).is_err() {
        tracing::error!("a panic where background tasks were to start or to be dropped");
    }
}

fn no_client(names: &str) -> Error {
    Error::configuration(&[format!(
        "`{names}` is to be stored, but the BackgroundLayer around the service has no client: make it with \
         `BackgroundLayer::new(client)`"
    )])
}

impl Drop for After {
    fn drop(&mut self) {
        if self.is_storing {
            self.fail();
        }
        self.settle(Ending::Gone);
    }
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("After");
        out.field("lists", &self.lists).field("held", &self.held).field("origin", &self.origin).finish_non_exhaustive()
    }
}
