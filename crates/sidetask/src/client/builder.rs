use std::sync::Arc;

use sidetask_core::{Dispatch, IdSource, Store};

use super::hub::Hub;
use super::{Backend, Client, Inner};

/// How large arguments may be where a store keeps them, and where they are sent.
const STORED: usize = 1024 * 1024;
const SENT: usize = 64 * 1024 * 1024;

/// Settings of a [`Client`].
///
/// ```
/// # async fn example() -> Result<(), sidetask::Error> {
/// use sidetask::Client;
///
/// let store = std::sync::Arc::new(sidetask::MemoryStore::new());
/// let client = Client::builder(store).max_args_bytes(64 * 1024).build();
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "settings do nothing until `build` is called"]
pub struct ClientBuilder {
    backend: Backend,
    max_args_bytes: usize,
}

impl ClientBuilder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self::of(Backend::Store(store))
    }

    /// Settings of a client that sends its jobs to where others run them.
    pub fn dispatching(dispatch: Arc<dyn Dispatch>) -> Self {
        Self::of(Backend::Dispatch(dispatch))
    }

    pub(crate) fn of(backend: Backend) -> Self {
        let max_args_bytes = match backend {
            Backend::Store(_) => STORED,
            Backend::Dispatch(_) => SENT,
        };
        Self { backend, max_args_bytes }
    }

    /// The largest arguments of one job that are accepted, in bytes of JSON. Default: 1 MiB; 64 MiB where
    /// jobs are sent, since the service has limits of its own and keeps large arguments elsewhere.
    pub fn max_args_bytes(mut self, bytes: usize) -> Self {
        self.max_args_bytes = bytes;
        self
    }

    /// The client.
    pub fn build(self) -> Client {
        let hub = Hub::new(self.backend.clone());
        let Self { backend, max_args_bytes } = self;
        Client(Arc::new(Inner { backend, hub, ids: IdSource::new(), max_args_bytes }))
    }
}
