use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The values that a worker lends to its tasks, one of each type: database pools, clients, settings.
///
/// Not to be confused with a job's [`State`](crate::State): these are the parameters marked `#[state]`.
#[derive(Clone, Default)]
pub struct StateMap {
    values: BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl StateMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value, in place of an earlier one of the same type.
    pub fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.values.insert(TypeId::of::<T>(), Arc::new(value));
    }

    /// Adds the values of `other` whose types are not here yet.
    pub fn fill_from(&mut self, other: &Self) {
        for (type_id, value) in &other.values {
            self.values.entry(*type_id).or_insert_with(|| Arc::clone(value));
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A clone of the value of this type.
    pub fn value<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.values.get(&TypeId::of::<T>())?.downcast_ref::<T>().cloned()
    }

    /// Whether there is a value of the type with this id.
    pub fn contains(&self, type_id: TypeId) -> bool {
        self.values.contains_key(&type_id)
    }
}

impl fmt::Debug for StateMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateMap").field("values", &self.values.len()).finish()
    }
}
