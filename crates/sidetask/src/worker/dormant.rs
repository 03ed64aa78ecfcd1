//! A worker that is there only when needed, while it is not.

use std::time::Duration;

use sidetask_core::{Error, State};

use super::shared::Shared;
use crate::client::CHUNK;

/// The shortest time between two looks at the store, however many changes are heard of.
const LOOK_GAP: Duration = Duration::from_millis(250);

/// Waits until there is work. False where a shutdown is asked for first.
pub(super) async fn until_needed(shared: &Shared) -> bool {
    loop {
        if shared.is_stopping() {
            return false;
        }
        if shared.queues.is_any_promising() {
            return true;
        }
        let wait = match look(shared).await {
            Ok(Look::Work) => return true,
            Ok(Look::Nothing { until }) => until,
            Err(error) => {
                tracing::warn!(error = ?error, "the store cannot be looked at");
                Some(shared.jittered(Duration::from_secs(1)))
            }
        };
        let due = async {
            match wait {
                Some(wait) => shared.clock.sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.queues.wake.notified() => {}
            () = shared.due.notified() => {}
            () = due => {}
            () = shared.stopping() => return false,
        }
        // Changes elsewhere come in swarms. A job enqueued here does not wait for their end.
        let _ = tokio::time::timeout(LOOK_GAP, promising(shared)).await;
    }
}

async fn promising(shared: &Shared) {
    while !shared.queues.is_any_promising() && !shared.is_stopping() {
        tokio::select! {
            () = shared.queues.wake.notified() => {}
            () = shared.stopping() => {}
        }
    }
}

enum Look {
    Work,
    /// At the latest, look again after this long.
    Nothing {
        until: Option<Duration>,
    },
}

/// Looks for work, doing what needs no lease: promoting what is due and taking jobs back from lost workers.
async fn look(shared: &Shared) -> Result<Look, Error> {
    let promoted = shared.store.promote(CHUNK).await?;
    shared.store.rescue(CHUNK).await?;
    let stats = shared.store.stats().await?;
    let ours = || stats.queues.iter().filter(|queue| shared.queues.find(&queue.queue).is_some());
    if ours().any(|queue| !queue.paused && queue.counts.count(State::Available) > 0) {
        return Ok(Look::Work);
    }
    // What runs, runs elsewhere. Should that worker be lost, nobody else may be there to take its jobs back.
    let runs_elsewhere = ours().any(|queue| queue.counts.count(State::Running) > 0);
    let lease = runs_elsewhere.then_some(shared.settings.lease);
    Ok(Look::Nothing { until: promoted.next_in.into_iter().chain(lease).min() })
}
