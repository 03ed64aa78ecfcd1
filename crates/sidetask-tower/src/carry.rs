//! How lists travel between handlers and the layer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use crate::Background;

/// Those of one response, which are one or none for most.
pub(crate) type Lists = SmallVec<[Background; 1]>;

/// What was attached to a response; one of its extensions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attached(pub(crate) Lists);

/// What handlers asked of a request; one of its extensions.
#[derive(Clone, Debug)]
pub(crate) struct Slot(Arc<Asked>);

#[derive(Debug)]
struct Asked {
    /// Set with the first, since most requests have none.
    any: AtomicBool,
    /// `None` once the response is there.
    lists: Mutex<Option<Lists>>,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Asked { any: AtomicBool::new(false), lists: Mutex::new(Some(Lists::new())) }))
    }

    /// One that comes too late is not kept: it says so itself when it is dropped.
    pub(crate) fn register(&self, background: Background) {
        if let Some(lists) = &mut *self.0.lists.lock().unwrap_or_else(PoisonError::into_inner) {
            lists.push(background);
            self.0.any.store(true, Ordering::Release);
        }
    }

    pub(crate) fn close(&self) -> Lists {
        if !self.0.any.load(Ordering::Acquire) {
            return Lists::new();
        }
        self.0.lists.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }
}
