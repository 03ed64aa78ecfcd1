//! The values of labels. Each makes a series of its own in whatever keeps them, so that there may be only so many.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use sidetask_core::Registry;

/// How many queues are told apart. They are few where they are written in programs, and without a bound where one is made
/// for each customer.
const MOST_QUEUES: usize = 200;

/// Stands for all that are not told apart.
static OTHER: LazyLock<Arc<str>> = LazyLock::new(|| "other".into());

/// The kinds, and for their earlier names theirs.
static KINDS: LazyLock<RwLock<HashMap<String, Arc<str>>>> = LazyLock::new(RwLock::default);

static QUEUES: LazyLock<RwLock<HashSet<Arc<str>>>> = LazyLock::new(RwLock::default);

/// A queue and a kind. Equal ones are one in memory.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    pub(super) queue: Arc<str>,
    pub(super) kind: Arc<str>,
}

impl Labels {
    pub(super) fn of(queue: &str, kind: &str) -> Self {
        Self { queue: self::queue(queue), kind: self::kind(kind) }
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.queue, &other.queue) && Arc::ptr_eq(&self.kind, &other.kind)
    }
}

/// Has the kinds of a registry told apart from now on. They are in the program's text, and so not without a bound.
pub(super) fn know(registry: &Registry) {
    let mut kinds = KINDS.write().unwrap_or_else(PoisonError::into_inner);
    for name in registry.kinds().iter() {
        let Some(definition) = registry.find(name) else { continue };
        if !kinds.contains_key(name) {
            let kind = kinds.get(definition.kind()).cloned().unwrap_or_else(|| definition.kind().into());
            kinds.insert(definition.kind().to_owned(), Arc::clone(&kind));
            kinds.insert(name.to_owned(), kind);
        }
    }
}

fn kind(name: &str) -> Arc<str> {
    KINDS.read().unwrap_or_else(PoisonError::into_inner).get(name).unwrap_or(&OTHER).clone()
}

/// The first [`MOST_QUEUES`] by their names, and one for all others.
pub(super) fn queue(name: &str) -> Arc<str> {
    let known = QUEUES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(queue) = known.get(name) {
        return Arc::clone(queue);
    }
    let is_full = known.len() >= MOST_QUEUES;
    drop(known);
    if is_full {
        return Arc::clone(&OTHER);
    }
    let mut known = QUEUES.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(queue) = known.get(name) {
        return Arc::clone(queue);
    }
    let queue: Arc<str> = name.into();
    known.insert(Arc::clone(&queue));
    queue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_told_apart_up_to_a_number_of_them() {
        let first = queue("first");
        for customer in 0..2 * MOST_QUEUES {
            queue(&format!("customer-{customer}"));
        }
        assert!(Arc::ptr_eq(&queue("first"), &first));
        assert_eq!(&*queue("one-more"), "other");
        assert!(QUEUES.read().unwrap().len() <= MOST_QUEUES);
    }

    #[test]
    fn a_kind_is_told_by_its_present_name_and_an_unknown_one_is_another() {
        let mut registry = Registry::new();
        registry.register("labels.send", |()| async {}).alias("labels.mail");
        registry.check().unwrap();
        know(&registry);
        assert_eq!(&*kind("labels.mail"), "labels.send");
        assert_eq!(Labels::of("q", "labels.mail"), Labels::of("q", "labels.send"));
        assert_eq!(&*kind("labels.unheard-of"), "other");
    }
}
