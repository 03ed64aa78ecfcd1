//! The members of a list, and adding to them while it runs.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sidetask_core::Error;
use tokio::sync::Notify;

use super::member::Place;
use crate::IntoTask;

/// What a list of tasks and its handles share.
pub(super) struct List {
    /// Tells the keys of one list from those of another.
    pub(super) id: u64,
    state: Mutex<State>,
    /// Told when a member was added.
    pub(super) added: Notify,
}

#[derive(Default)]
struct State {
    len: usize,
    /// Those that the list has not taken over yet.
    added: Vec<Place>,
    closed: bool,
}

impl List {
    pub(super) fn new() -> Arc<Self> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { id, state: Mutex::default(), added: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len
    }

    /// Adds a member. `None`: the list has ended for good.
    #[track_caller]
    pub(super) fn add<M: IntoTask>(&self, member: M) -> Option<TaskKey<M::Output>> {
        let task = member.into_task();
        let place = Place { label: task.label().clone(), member: Some(Box::new(task)) };
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let index = state.len;
        state.len += 1;
        state.added.push(place);
        drop(state);
        self.added.notify_one();
        Some(TaskKey { list: self.id, index, output: PhantomData })
    }

    /// Moves what was added to `places`. False where nothing was; then, if `close`, nothing can be added any more.
    pub(super) fn take_added(&self, places: &mut Vec<Place>, close: bool) -> bool {
        let mut state = self.lock();
        let any = !state.added.is_empty();
        places.append(&mut state.added);
        state.closed |= close && !any;
        any
    }
}

/// Names a task of one list, to [take](crate::Results::take) its result by.
pub struct TaskKey<T> {
    pub(super) list: u64,
    pub(super) index: usize,
    output: PhantomData<fn() -> T>,
}

impl<T> TaskKey<T> {
    /// Its place in the list, counted from 0.
    pub const fn index(&self) -> usize {
        self.index
    }
}

impl<T> Clone for TaskKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for TaskKey<T> {}

impl<T> fmt::Debug for TaskKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskKey({})", self.index)
    }
}

/// Adds to [`Tasks`](crate::Tasks) from anywhere, a running member included. Cheap to clone.
#[derive(Clone)]
pub struct TasksHandle(pub(super) Weak<List>);

impl TasksHandle {
    /// Adds a task. While the list runs, it is run after those that are there, in the same run; before and between runs,
    /// in the next.
    ///
    /// # Errors
    /// [`is_closed`](Error::is_closed) where the list was awaited to its end or dropped.
    #[track_caller]
    pub fn add_task<M: IntoTask>(&self, member: M) -> Result<TaskKey<M::Output>, Error> {
        let key = self.0.upgrade().and_then(|list| list.add(member));
        key.ok_or_else(|| Error::closed("list of tasks"))
    }
}

impl fmt::Debug for TasksHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TasksHandle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Task;

    #[test]
    fn a_list_that_ran_for_the_last_time_takes_nothing_more() {
        let (list, mut places) = (List::new(), Vec::new());
        let add = || list.add(Task::new(|| async {})).map(|key| key.index());
        assert_eq!(add(), Some(0));
        assert!(list.take_added(&mut places, true), "not the end: one was added");
        assert_eq!(add(), Some(1));
        assert!(list.take_added(&mut places, false));
        assert!(!list.take_added(&mut places, false));
        assert_eq!(add(), Some(2));
        assert!(list.take_added(&mut places, true));
        assert!(!list.take_added(&mut places, true));
        assert_eq!((add(), places.len(), list.len()), (None, 3, 3));
    }
}
