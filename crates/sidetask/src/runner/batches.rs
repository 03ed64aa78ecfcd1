//! Handing functions to blocking pools in batches.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use super::Runner;
use crate::BlockingPool;
use crate::blocking::Function;

/// The functions that wait to be handed over.
///
/// Waking a thread costs a server more than answering a small request. So functions are collected until the runtime has
/// run what else is ready: under load one wake-up serves many, and an idle runtime gets there at once.
#[derive(Default)]
pub(super) struct Batches(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    by_pool: Vec<(BlockingPool, Vec<Function>)>,
    is_under_way: bool,
}

impl Batches {
    pub(super) fn add(&self, runner: &Runner, runtime: &Handle, pool: BlockingPool, function: Function) {
        let mut waiting = self.lock();
        match waiting.by_pool.iter_mut().find(|(known, _)| known.is(&pool)) {
            Some((_, functions)) => functions.push(function),
            None => waiting.by_pool.push((pool, vec![function])),
        }
        if std::mem::replace(&mut waiting.is_under_way, true) {
            return;
        }
        drop(waiting);
        let hand_over = HandOver(runner.clone());
        runtime.spawn(async move {
            let _hand_over = hand_over;
            tokio::task::yield_now().await;
        });
    }

    /// Hands everything over. What a pool has no room for is dropped, which its place in the book notices.
    fn hand_over(&self) {
        let mut waiting = self.lock();
        waiting.is_under_way = false;
        let by_pool = std::mem::take(&mut waiting.by_pool);
        drop(waiting);
        for (pool, mut functions) in by_pool {
            pool.submit_many(&mut functions);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands over when it is dropped, so that a runtime which shuts down does so as well.
struct HandOver(Runner);

impl Drop for HandOver {
    fn drop(&mut self) {
        self.0.0.batches.hand_over();
    }
}
