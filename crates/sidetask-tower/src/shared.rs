//! What all services of one layer share.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use sidetask::Runner;

use crate::WhenFull;
use crate::durable::Holder;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) runner: Runner,
    pub(crate) when_full: WhenFull,
    pub(crate) request_id: HeaderName,
    /// Where there is a store.
    pub(crate) holder: Option<Arc<Holder>>,
}

impl Shared {
    /// What the headers of a request or response say of its id.
    pub(crate) fn id_in(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        headers.get(&self.request_id).cloned()
    }

    pub(crate) fn drops_when_full(&self) -> bool {
        self.when_full == WhenFull::Drop
    }
}
