//! Rate limits: one limiter for each name, shared by all that names it in this process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sidetask_core::{Error, RateLimit};

mod limiter;
mod permits;

pub(crate) use limiter::{Admission, Limiter};

/// The limiter of this name.
///
/// # Errors
/// A limit that cannot be used, or is not the one that the name has already.
pub(crate) fn limiter(limit: &RateLimit) -> Result<Arc<Limiter>, Error> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Limiter>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(limiter) = known.get(limit.name()) {
        return match limiter.limit().conflict(limit) {
            Some(conflict) => Err(Error::configuration(&[conflict])),
            None => Ok(Arc::clone(limiter)),
        };
    }
    let faults = limit.faults();
    if !faults.is_empty() {
        return Err(Error::configuration(&faults));
    }
    let limiter = Arc::new(Limiter::new(limit.clone()));
    known.insert(limit.name().to_owned(), Arc::clone(&limiter));
    Ok(limiter)
}
