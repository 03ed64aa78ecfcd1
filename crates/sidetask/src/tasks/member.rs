use std::any::Any;

use sidetask_core::Error;

use crate::task::Task;
use crate::task::body::{BoxFuture, Plain};
use crate::task::label::Label;
use crate::task::lent::Lent;

/// What a member returned, its type put aside.
pub(crate) type Value = Box<dyn Any + Send>;

/// A task of whichever type.
pub(crate) trait Member: Send {
    /// `None`: it ended because the list wanted it to.
    fn run<'a>(&'a mut self, lent: &'a Lent) -> BoxFuture<'a, Option<Result<Value, Error>>>;

    /// Begins it as a plain attempt; `None` where it takes more to run it.
    fn plain(&mut self) -> Option<Plain>;

    fn label(&self) -> &Label;

    fn lent(&self) -> &Lent;
}

impl<T: Send + 'static> Member for Task<T> {
    fn run<'a>(&'a mut self, lent: &'a Lent) -> BoxFuture<'a, Option<Result<Value, Error>>> {
        Box::pin(async move {
            let ended = Task::run(self, Some(lent)).await?;
            Some(ended.map(|value| Box::new(value) as Value))
        })
    }

    fn plain(&mut self) -> Option<Plain> {
        Task::plain(self)
    }

    fn label(&self) -> &Label {
        Task::label(self)
    }

    fn lent(&self) -> &Lent {
        Task::lent(self)
    }
}

/// A place in the list.
pub(super) struct Place {
    pub(super) label: Label,
    /// None while it runs by itself in a group, and for good where that run was given up.
    pub(super) member: Option<Box<dyn Member>>,
}

impl Place {
    pub(super) fn gone(&self) -> Error {
        Error::cancelled(format_args!(
            "`{}`, given up in an earlier run of its group, cannot run again: it",
            self.label
        ))
    }
}
