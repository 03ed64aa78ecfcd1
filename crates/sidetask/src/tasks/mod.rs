//! Several tasks in this process.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::sync::Arc;

use sidetask_core::{Registry, TaskError};

use crate::task::body::{Attempt, Body, BoxFuture, Ended};
use crate::task::label::Label;
use crate::task::lent::Lent;
use crate::{BlockingPool, IntoTask, Task};

mod error;
mod list;
mod member;
mod results;
mod run;

pub use error::{Failure, TasksError};
use list::List;
pub use list::{TaskKey, TasksHandle};
pub(crate) use member::Member;
use member::Place;
pub use results::Results;

#[doc = include_str!("../../docs/tasks.md")]
#[must_use = "tasks do nothing until they are awaited"]
pub struct Tasks {
    label: Label,
    list: Arc<List>,
    places: Vec<Place>,
    grouped: bool,
    on_error: OnError,
    concurrency: Option<usize>,
    lent: Lent,
}

/// What a failure does to the other tasks of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// Those after it are not begun; those beside it in a group are cancelled.
    #[default]
    Stop,
    /// The others run as if nothing had happened.
    Continue,
}

impl Tasks {
    /// An empty list, run in order.
    #[track_caller]
    pub fn new() -> Self {
        Self {
            label: Label::at(Location::caller()),
            list: List::new(),
            places: Vec::new(),
            grouped: false,
            on_error: OnError::default(),
            concurrency: None,
            lent: Lent::default(),
        }
    }

    /// An empty list, run all at once.
    #[track_caller]
    pub fn group() -> Self {
        Self::new().as_group(true)
    }

    /// Adds a [`Task`], a [`Call`](crate::Call) or other `Tasks`. The key takes its result from the [`Results`].
    #[track_caller]
    pub fn add_task<M: IntoTask>(&mut self, member: M) -> TaskKey<M::Output> {
        let key = self.list.add(member);
        key.expect("only an awaited list is closed, and awaiting takes the list")
    }

    /// Whether the tasks run all at once, on the tokio runtime of whoever awaits them, or in order. Default: in order.
    pub fn as_group(mut self, grouped: bool) -> Self {
        self.grouped = grouped;
        self
    }

    /// What a failure does to the other tasks. Default: [`OnError::Stop`].
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// How many tasks of a group run at the same time; at least 1, which is checked when it runs. The others follow in
    /// order. A list in order takes no notice. Default: no limit.
    pub fn concurrency(mut self, tasks: usize) -> Self {
        self.concurrency = Some(tasks);
        self
    }

    /// Gives the list the name that errors call it by where it is part of another. Default: the place where it was made.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.label.name = Some(name.into());
        self
    }

    /// Lends a `#[state]` value to the calls in it and in lists within, in place of an earlier one of its type. What a
    /// member has of its own comes first.
    pub fn state<S: Clone + Send + Sync + 'static>(mut self, value: S) -> Self {
        self.lent.states.insert(value);
        self
    }

    /// Where the functions of calls are looked up. Default: that of the list around, else all `#[task]` functions linked
    /// into the program.
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

    /// How many tasks are in the list.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no task in the list.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A handle that adds tasks from elsewhere, also while the list runs.
    pub fn handle(&self) -> TasksHandle {
        TasksHandle(Arc::downgrade(&self.list))
    }

    /// Runs the tasks and keeps the list, so that it can run again: every task anew, and those added meanwhile.
    ///
    /// # Errors
    /// [`TasksError`] says which tasks failed and has the results of the others.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the tasks, as dropping that of a [`Task`] does. Those that were running in a group
    /// are gone then, and fail with [`is_cancelled`](crate::Error::is_cancelled) in a later run.
    pub fn run(&mut self) -> impl Future<Output = Result<Results, TasksError>> + Send + '_ {
        self.run_all(None, false)
    }
}

impl Default for Tasks {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<M: IntoTask> Extend<M> for Tasks {
    fn extend<I: IntoIterator<Item = M>>(&mut self, members: I) {
        for member in members {
            self.add_task(member);
        }
    }
}

impl<M: IntoTask> FromIterator<M> for Tasks {
    fn from_iter<I: IntoIterator<Item = M>>(members: I) -> Self {
        let mut tasks = Self::new();
        tasks.extend(members);
        tasks
    }
}

impl<M: IntoTask> From<Vec<M>> for Tasks {
    fn from(members: Vec<M>) -> Self {
        members.into_iter().collect()
    }
}

/// Runs the tasks. Dropping the future cancels them.
impl IntoFuture for Tasks {
    type Output = Result<Results, TasksError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move { self.run_all(None, true).await })
    }
}

impl IntoTask for Tasks {
    type Output = Results;

    fn into_task(self) -> Task<Results> {
        Task::of(self.label.clone(), self)
    }
}

impl Body<Results> for Tasks {
    fn attempt<'a>(&'a mut self, of: Attempt<'a>) -> BoxFuture<'a, Result<Results, Ended>> {
        Box::pin(async move {
            self.run_all(Some(of.lent), false).await.map_err(|error| match error {
                error if error.is_only_stopped() => Ended::Stopped,
                error if error.refusal().is_some() => Ended::Failed(TaskError::permanent(error)),
                error => Ended::Failed(TaskError::new(error)),
            })
        })
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Tasks");
        out.field("len", &self.len()).field("group", &self.grouped).field("on_error", &self.on_error);
        out.field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}
