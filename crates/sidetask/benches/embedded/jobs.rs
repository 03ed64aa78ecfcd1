//! The job that everything is measured with: it carries 250 bytes and does nothing.

use std::path::Path;
use std::sync::Arc;

use sidetask::{Call, Client, Error, Store, task};

pub(crate) const PAYLOAD_BYTES: usize = 250;

#[task]
pub(crate) async fn noop(_payload: String) {}

/// The arguments are `{"_payload":"xx.."}`, of 250 bytes in all.
pub(crate) fn call() -> Call<()> {
    const AROUND: usize = r#"{"_payload":""}"#.len();
    noop::call("x".repeat(PAYLOAD_BYTES - AROUND))
}

pub(crate) async fn client(database: &Path) -> Result<Client, Error> {
    sidetask::connect(format!("sqlite:{}", database.display())).await
}

pub(crate) fn store_of(client: &Client) -> Result<Arc<dyn Store>, Error> {
    client.store().cloned().ok_or_else(|| Error::unsupported("only a store can be measured"))
}
