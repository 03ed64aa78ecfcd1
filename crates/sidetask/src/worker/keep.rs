//! What a worker does besides running jobs: keeping its lease, and keeping the store in order.

use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{State, WorkerId};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::shared::Shared;
use crate::client::{CHUNK, purge as purge_all};

/// The shortest time between two looks for cancellations, however many changes are heard of.
const LOOK_GAP: Duration = Duration::from_millis(250);

/// The shortest time between two promotions, however many jobs are put off.
const PROMOTION_GAP: Duration = Duration::from_millis(10);

/// The longest time without a look at what is due, should nobody say that it changed.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(60);

/// How often ended jobs are purged.
const PURGE_EVERY: Duration = Duration::from_secs(60);

/// Begins the keeping. A task that ends says that the lease is lost.
pub(super) fn keep(shared: &Arc<Shared>, worker: WorkerId) -> JoinSet<()> {
    let mut keepers = JoinSet::new();
    keepers.spawn(keep_alive(Arc::clone(shared), worker));
    keepers.spawn(hear_of_cancellations(Arc::clone(shared)));
    keepers.spawn(promote(Arc::clone(shared)));
    keepers.spawn(purge(Arc::clone(shared)));
    keepers
}

/// Renews the lease, and takes jobs back from workers that did not. Always in this order: after the machine slept, its
/// clock was set or the store was out of reach, this worker is late itself, and would take its own jobs for lost ones.
async fn keep_alive(shared: Arc<Shared>, worker: WorkerId) {
    let lease = shared.settings.lease;
    loop {
        rescue(&shared).await;
        let mut wait = shared.jittered(lease / 3);
        loop {
            shared.clock.sleep(wait).await;
            match shared.store.heartbeat(worker).await {
                Ok(heard) => {
                    heard.cancelled.into_iter().for_each(|job| shared.running.cancel(job));
                    break;
                }
                Err(error) if error.is_lease_lost() => return,
                Err(error) => {
                    tracing::warn!(error = ?error, %worker, "the lease cannot be renewed");
                    wait = shared.jittered((lease / 10).min(Duration::from_secs(1)));
                }
            }
        }
    }
}

async fn rescue(shared: &Shared) {
    loop {
        match shared.store.rescue(CHUNK).await {
            Ok(rescued) => {
                for job in &rescued {
                    tracing::warn!(job = %job.id, state = %job.state, worker = ?job.worker, "rescued from a lost worker");
                }
                if rescued.len() < CHUNK {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(error = ?error, "jobs of lost workers cannot be rescued");
                return;
            }
        }
    }
}

/// Reads what runs here after each change by another process, which may have cancelled some of it. A heartbeat would
/// tell as well, but is itself a change to others: two idle workers would wake each other for ever.
async fn hear_of_cancellations(shared: Arc<Shared>) {
    let mut earliest = Instant::now();
    loop {
        asked(&shared.changed, earliest).await;
        for jobs in shared.running.jobs().chunks(CHUNK) {
            match shared.store.jobs(jobs.to_vec()).await {
                Ok(records) => {
                    let cancelled = records.into_iter().flatten().filter(|job| job.cancel_requested);
                    cancelled.for_each(|job| shared.running.cancel(job.id));
                }
                Err(error) => tracing::warn!(error = ?error, "cannot see whether jobs were cancelled"),
            }
        }
        earliest = Instant::now() + LOOK_GAP;
    }
}

/// Waits until somebody asks, and then until `earliest`. That bounds a load, and so is the machine's time: a clock moved
/// by hand must not hold it up.
async fn asked(notify: &Notify, earliest: Instant) {
    notify.notified().await;
    tokio::time::sleep_until(earliest).await;
}

async fn promote(shared: Arc<Shared>) {
    loop {
        let wait = match shared.store.promote(CHUNK).await {
            Ok(promoted) if promoted.moved == CHUNK => continue,
            Ok(promoted) => promoted.next_in.map_or(LONGEST_REST, |next_in| next_in.min(LONGEST_REST)),
            Err(error) => {
                tracing::warn!(error = ?error, "due jobs cannot be promoted");
                shared.jittered(Duration::from_secs(1))
            }
        };
        tokio::select! {
            biased;
            () = shared.clock.sleep(wait) => {}
            () = asked(&shared.due, Instant::now() + PROMOTION_GAP) => {}
        }
    }
}

async fn purge(shared: Arc<Shared>) {
    let kept = shared.settings.retention;
    let kept =
        [(State::Completed, kept.completed), (State::Cancelled, kept.cancelled), (State::Discarded, kept.discarded)];
    loop {
        for (state, age) in kept {
            let Some(age) = age else { continue };
            if let Err(error) = purge_all(&*shared.store, state, age).await {
                tracing::warn!(error = ?error, %state, "ended jobs cannot be purged");
            }
        }
        shared.clock.sleep(shared.jittered(PURGE_EVERY)).await;
    }
}
