use std::sync::Arc;

use sidetask_core::{IdSource, Store};

use super::hub::Hub;
use super::{Client, Inner};

/// Settings of a [`Client`].
///
/// ```
/// # async fn example() -> Result<(), sidetask::Error> {
/// use sidetask::Client;
///
/// let store = sidetask::connect("memory:").await?.store().clone();
/// let client = Client::builder(store).max_args_bytes(64 * 1024).build();
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "settings do nothing until `build` is called"]
pub struct ClientBuilder {
    store: Arc<dyn Store>,
    max_args_bytes: usize,
}

impl ClientBuilder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, max_args_bytes: 1024 * 1024 }
    }

    /// The largest arguments of one job that are accepted, in bytes of JSON. Default: 1 MiB.
    pub fn max_args_bytes(mut self, bytes: usize) -> Self {
        self.max_args_bytes = bytes;
        self
    }

    /// The client.
    pub fn build(self) -> Client {
        let hub = Hub::new(Arc::clone(&self.store));
        let Self { store, max_args_bytes } = self;
        Client(Arc::new(Inner { store, hub, ids: IdSource::new(), max_args_bytes }))
    }
}
