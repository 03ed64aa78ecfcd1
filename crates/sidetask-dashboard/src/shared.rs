//! What every request is answered with.

use std::sync::Arc;

use sidetask::{Client, Filter, JobRecord, Json};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::auth::Guard;
use crate::depth::Depth;
use crate::live::Listeners;

pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) redact: Option<Arc<Redact>>,
    pub(crate) read_only: bool,
    pub(crate) guard: Guard,
    pub(crate) depth: Depth,
    pub(crate) listeners: Listeners,
    searching: Semaphore,
}

/// How many searches the store is asked for at once. What costs little is not kept waiting behind more of them.
const SEARCHES: usize = 2;

impl Shared {
    pub(crate) fn new(client: Client, redact: Option<Arc<Redact>>, read_only: bool, guard: Guard) -> Self {
        let (depth, listeners) = (Depth::default(), Listeners::default());
        Self { client, redact, read_only, guard, depth, listeners, searching: Semaphore::new(SEARCHES) }
    }

    /// Waits for a turn to have jobs looked through, where a filter needs that.
    pub(crate) async fn turn(&self, filter: &Filter) -> Option<SemaphorePermit<'_>> {
        if filter.conditions.is_empty() {
            return None;
        }
        // The semaphore is never closed.
        self.searching.acquire().await.ok()
    }
}

/// Says what is shown of a job's arguments.
pub(crate) type Redact = dyn Fn(&JobRecord) -> Json + Send + Sync;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use sidetask::MemoryStore;

    use super::*;

    #[test]
    fn searches_take_turns_and_nothing_else_waits_for_one() {
        let client = Client::new(Arc::new(MemoryStore::new()));
        let shared = Shared::new(client, None, false, Guard::Shut);
        let (cheap, dear) = (Filter::all().queue("mail"), Filter::parse("-args.n:1 word").unwrap());
        let mut turns: Vec<_> = (0..SEARCHES).map(|_| shared.turn(&dear).now_or_never().flatten()).collect();
        assert!(turns.iter().all(Option::is_some));
        assert!(shared.turn(&dear).now_or_never().is_none());
        assert!(shared.turn(&cheap).now_or_never().unwrap().is_none());
        turns.pop();
        assert!(shared.turn(&dear).now_or_never().flatten().is_some());
    }
}
