use std::borrow::Cow;
use std::future::pending;
use std::sync::{Arc, OnceLock};

use sidetask_core::{CancelToken, Error, Registry, StateMap};

use super::body::Ended;
use crate::BlockingPool;

/// What a task runs with: its own, and what the list around it lends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lent {
    pub(crate) states: StateMap,
    pub(crate) registry: Option<Arc<Registry>>,
    pub(crate) pool: Option<BlockingPool>,
    /// Cancelled when the list around it wants it to end.
    pub(crate) stop: Option<CancelToken>,
}

impl Lent {
    /// Both together, its own first.
    pub(crate) fn within<'a>(&'a self, outer: Option<&'a Self>) -> Cow<'a, Self> {
        let Some(outer) = outer else { return Cow::Borrowed(self) };
        if self.is_empty() {
            return Cow::Borrowed(outer);
        }
        let mut both = self.clone();
        both.states.fill_from(&outer.states);
        both.registry = both.registry.or_else(|| outer.registry.clone());
        both.pool = both.pool.or_else(|| outer.pool.clone());
        both.stop = both.stop.or_else(|| outer.stop.clone());
        Cow::Owned(both)
    }

    fn is_empty(&self) -> bool {
        self.states.is_empty() && self.registry.is_none() && self.pool.is_none() && self.stop.is_none()
    }

    pub(crate) fn pool(&self) -> BlockingPool {
        self.pool.clone().unwrap_or_else(BlockingPool::shared)
    }

    /// The given registry, or that of every `#[task]` function linked in.
    pub(crate) fn registry(&self) -> Result<Arc<Registry>, Error> {
        static DISCOVERED: OnceLock<Arc<Registry>> = OnceLock::new();
        if let Some(given) = &self.registry {
            return Ok(Arc::clone(given));
        }
        if let Some(discovered) = DISCOVERED.get() {
            return Ok(Arc::clone(discovered));
        }
        let mut discovered = Registry::discovered();
        discovered.check()?;
        Ok(Arc::clone(DISCOVERED.get_or_init(|| Arc::new(discovered))))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(CancelToken::is_cancelled)
    }

    /// Completes when the list around it wants it to end.
    pub(crate) async fn stopped(&self) {
        match &self.stop {
            Some(stop) => stop.cancelled().await,
            None => pending().await,
        }
    }

    /// Awaits `future`, or drops it where the list around it wants an end.
    pub(crate) async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Result<T, Ended> {
        if self.stop.is_none() {
            return Ok(future.await);
        }
        tokio::select! {
            biased;
            () = self.stopped() => Err(Ended::Stopped),
            output = future => Ok(output),
        }
    }
}
