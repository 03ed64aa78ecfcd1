use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The client of each region that was asked for; `None` is the SDK's own.
pub(super) type ByRegion<C> = Mutex<HashMap<Option<String>, C>>;

pub(super) async fn cached<C: Clone>(clients: &ByRegion<C>, region: Option<&str>, make: impl AsyncFnOnce() -> C) -> C {
    let key = region.map(ToOwned::to_owned);
    let known = clients.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some(client) = known {
        return client;
    }
    let client = make().await;
    clients.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(client).clone()
}
