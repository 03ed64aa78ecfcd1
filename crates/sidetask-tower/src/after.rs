//! What happens after one response.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::HeaderValue;
use tokio::runtime::Handle;
use tracing::Span;

use crate::Background;
use crate::background::{Contents, Policy, Waiting};
use crate::completion::Ending;
use crate::runner::TaskFailure;
use crate::shared::Shared;

/// The lists of one response, and what is needed to run them from anywhere. Dropped unsettled, it takes the client to be
/// gone.
pub(crate) struct After {
    shared: Arc<Shared>,
    lists: Vec<Background>,
    origin: Option<HeaderValue>,
    span: Span,
    runtime: Option<Handle>,
}

impl After {
    /// Of the lists that no other layer took.
    pub(crate) fn of(shared: Arc<Shared>, mut lists: Vec<Background>, origin: Option<HeaderValue>) -> Self {
        lists.retain(Background::take);
        Self { shared, lists, origin, span: Span::current(), runtime: Handle::try_current().ok() }
    }

    /// Drops the lists that do not run where the handler failed; attached ones are only spared where `spare_attached`.
    pub(crate) fn fail(&mut self, spare_attached: bool) {
        self.lists.retain(|list| {
            let runs = list.policy().even_on_error || (spare_attached && list.is_attached());
            if !runs {
                list.end();
            }
            runs
        });
    }

    pub(crate) fn forget(&mut self) {
        for list in self.lists.drain(..) {
            list.end();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Runs what is to run after this ending. Never panics: it is called where responses are dropped.
    pub(crate) fn settle(&mut self, ending: Ending) {
        let lists = std::mem::take(&mut self.lists);
        if lists.is_empty() {
            return;
        }
        let settled = catch_unwind(AssertUnwindSafe(|| {
            let _runtime = self.runtime.as_ref().map(Handle::enter);
            for list in lists {
                self.run(list.end(), ending);
            }
        }));
        if settled.is_err() {
            tracing::error!("background tasks were lost to a panic where they were to start");
        }
    }

    fn run(&self, contents: Contents, ending: Ending) {
        if !runs(contents.policy, ending) {
            return;
        }
        for task in contents.tasks {
            self.start(task);
        }
    }

    fn start(&self, task: Waiting) {
        let (name, place) = (task.name(), task.place());
        let runner = &self.shared.runner;
        let started = task.prepare(runner, &self.span).and_then(|prepared| {
            let prepared = prepared.origin(self.origin());
            if self.shared.drops_when_full() { prepared.start() } else { prepared.start_over_limit() }
        });
        if let Err(error) = started {
            runner.report(TaskFailure { name, place: Some(place), origin: self.origin(), error });
        }
    }

    fn origin(&self) -> Option<String> {
        self.origin.as_ref().map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned())
    }
}

fn runs(policy: Policy, ending: Ending) -> bool {
    match ending {
        Ending::Sent => true,
        Ending::Failed | Ending::Gone => !policy.only_if_sent,
    }
}

impl Drop for After {
    fn drop(&mut self) {
        self.settle(Ending::Gone);
    }
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("After").field("lists", &self.lists).field("origin", &self.origin).finish_non_exhaustive()
    }
}
