//! The pools that the whole process knows by name.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sidetask_core::Error;

use super::{BlockingPool, BlockingPoolBuilder};

static NAMED: Mutex<BTreeMap<String, BlockingPool>> = Mutex::new(BTreeMap::new());

fn named() -> MutexGuard<'static, BTreeMap<String, BlockingPool>> {
    NAMED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pool of this name, made with the default limits where there is none.
pub(super) fn find(name: &str) -> BlockingPool {
    let mut named = named();
    if let Some(pool) = named.get(name) {
        return pool.clone();
    }
    let pool = BlockingPoolBuilder::new().name(name).start();
    named.insert(name.to_owned(), pool.clone());
    pool
}

pub(super) fn all() -> Vec<BlockingPool> {
    named().values().cloned().collect()
}

/// Makes `pool` the one of its name.
pub(super) fn install(pool: BlockingPool) -> Result<BlockingPool, Error> {
    let mut named = named();
    if let Some(there) = named.get(pool.name()) {
        let limits = there.0.limits();
        return Err(Error::configuration(&[format!(
            "there is a blocking pool `{}` already, of {} threads and a queue of {}: install it once, before anything \
             uses it, at the beginning of the program",
            limits.name, limits.threads, limits.queue
        )]));
    }
    named.insert(pool.name().to_owned(), pool.clone());
    Ok(pool)
}

/// The process's pool of this name, see [`BlockingPool::named`].
impl From<&str> for BlockingPool {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}
