//! A worker that is there only when needed, while it is not.

use std::time::Duration;

use sidetask_core::{Error, State};

use super::keep::LONGEST_REST;
use super::shared::Shared;
use crate::client::CHUNK;

/// The shortest time between two looks at the store, however many changes are heard of.
const LOOK_GAP: Duration = Duration::from_millis(250);

/// What a worker needs for another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Nothing.
    None,
    /// Work that waits.
    Work,
    /// A change: in what waits now, the last session found nothing that it could run.
    Change,
}

/// Waits until there is reason to work. False where a shutdown is asked for first.
pub(super) async fn until_needed(shared: &Shared, mut reason: Reason) -> bool {
    loop {
        if shared.is_stopping() {
            return false;
        }
        if shared.queues.is_any_promising() {
            return true;
        }
        let wait = match look(shared).await {
            Ok(Look { is_work: true, .. }) if reason != Reason::Change => return true,
            Ok(Look { again_in, .. }) => again_in,
            Err(error) => {
                tracing::warn!(error = ?error, "the store cannot be looked at");
                shared.jittered(Duration::from_secs(1))
            }
        };
        reason = Reason::Work;
        tokio::select! {
            biased;
            () = shared.stopping() => return false,
            () = shared.queues.wake.notified() => {}
            () = shared.due.notified() => {}
            () = shared.clock.sleep(wait) => {}
        }
        // Changes elsewhere come in swarms. A job enqueued here does not wait for their end.
        let _ = tokio::time::timeout(LOOK_GAP, promising(shared)).await;
    }
}

async fn promising(shared: &Shared) {
    while !shared.queues.is_any_promising() && !shared.is_stopping() {
        tokio::select! {
            biased;
            () = shared.stopping() => {}
            () = shared.queues.wake.notified() => {}
        }
    }
}

struct Look {
    is_work: bool,
    /// When to look again at the latest.
    again_in: Duration,
}

/// Looks for work, doing what needs no lease: promoting what is due and taking jobs back from lost workers.
async fn look(shared: &Shared) -> Result<Look, Error> {
    let promoted = shared.store.promote(CHUNK).await?;
    shared.store.rescue(CHUNK).await?;
    let stats = shared.store.stats().await?;
    let ours = || stats.queues.iter().filter(|queue| shared.queues.find(&queue.queue).is_some());
    let is_work = ours().any(|queue| !queue.paused && queue.counts.count(State::Available) > 0);
    // What runs, runs elsewhere. Should that worker be lost, nobody else may be there to take its jobs back.
    let runs_elsewhere = ours().any(|queue| queue.counts.count(State::Running) > 0);
    let lease = runs_elsewhere.then_some(shared.settings.lease);
    // What another process writes may go unheard.
    let net = shared.jittered(LONGEST_REST);
    Ok(Look { is_work, again_in: promoted.next_in.into_iter().chain(lease).fold(net, Duration::min) })
}
