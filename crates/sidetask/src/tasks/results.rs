use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::list::TaskKey;
use super::member::Value;
use crate::task::label::Label;

/// What the members of [`Tasks`](crate::Tasks) returned.
pub struct Results {
    list: u64,
    labels: Vec<Label>,
    /// Locked by nobody: the mutex makes values that are only `Send` part of what is `Sync`, as errors have to be.
    values: Mutex<Vec<Option<Value>>>,
}

impl Results {
    pub(super) fn new(list: u64, labels: Vec<Label>, values: Vec<Option<Value>>) -> Self {
        Self { list, labels, values: Mutex::new(values) }
    }

    fn values(&mut self) -> &mut Vec<Option<Value>> {
        self.values.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the result of the task that `add_task` gave this key for. `None` where it did not succeed, was taken
    /// already, or belongs to another list.
    pub fn take<T: 'static>(&mut self, key: TaskKey<T>) -> Option<T> {
        if key.list == self.list { self.take_at(key.index) } else { None }
    }

    /// Takes the result of the task at this place, counted from 0. `None` where there is none, it did not succeed, was
    /// taken already, or is no `T`.
    pub fn take_at<T: 'static>(&mut self, index: usize) -> Option<T> {
        let place = self.values().get_mut(index)?;
        match place.take()?.downcast() {
            Ok(value) => Some(*value),
            Err(other) => {
                *place = Some(other);
                None
            }
        }
    }

    /// Takes every result that is a `T`, in the order of the tasks.
    pub fn take_all<T: 'static>(&mut self) -> Vec<T> {
        (0..self.len()).filter_map(|index| self.take_at(index)).collect()
    }

    /// The name of the task at this place, counted from 0: what it was given, or the place where it was made.
    pub fn name(&self, index: usize) -> Option<String> {
        self.labels.get(index).map(Label::to_string)
    }

    /// How many tasks there were, with those that did not succeed.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

impl fmt::Debug for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").field("len", &self.len()).finish_non_exhaustive()
    }
}
