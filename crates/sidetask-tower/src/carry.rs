//! How lists travel between handlers and the layer.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Background;

/// What was attached to a response, in order; one of its extensions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attached(pub(crate) Vec<Background>);

/// The lists that handlers asked of a request, in order; one of its extensions. `None` once the response is there.
#[derive(Clone, Debug)]
pub(crate) struct Slot(Arc<Mutex<Option<Vec<Background>>>>);

impl Slot {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }

    /// One that comes too late is not kept: it says so itself when it is dropped.
    pub(crate) fn register(&self, background: Background) {
        if let Some(lists) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            lists.push(background);
        }
    }

    pub(crate) fn close(&self) -> Vec<Background> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }
}
