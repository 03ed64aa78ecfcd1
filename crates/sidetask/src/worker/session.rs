//! A worker's life: sessions, each from joining the store to leaving it or losing the lease, and the shutdown at its end.

use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{Backoff, Events, Slots, WorkerId};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};

use super::acks::acknowledge;
use super::dormant::{Reason, until_needed};
use super::fetch::{Ended, fetch, receive};
use super::keep::keep;
use super::listen::listen;
use super::report::{GivenBack, ShutdownReport};
use super::running::{Attempt, TakenOver};
use super::scheduler::{Periodic, schedule};
use super::shared::{Presence, Report, Shared};
use crate::schedule::Ticks;

/// How long after its deadline a shutdown may take to tell the store.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// Works until a shutdown. `joined` is the first session's worker; without it, the worker waits until it is needed.
pub(super) async fn live(
    shared: Arc<Shared>,
    events: Events,
    reports: mpsc::UnboundedReceiver<Report>,
    schedules: Vec<(Periodic, Ticks)>,
    joined: Option<WorkerId>,
) -> ShutdownReport {
    let mut helpers = JoinSet::new();
    helpers.spawn(acknowledge(Arc::clone(&shared), reports));
    helpers.spawn(listen(Arc::clone(&shared), events));
    for (periodic, ticks) in schedules {
        helpers.spawn(schedule(Arc::clone(&shared), periodic, ticks));
    }
    let mut retiring = JoinSet::new();
    let mut joined = joined;
    let mut reason = Reason::Work;
    let membership = loop {
        let worker = match joined.take() {
            Some(worker) => worker,
            None => {
                // A store that does not answer must not hold up a shutdown.
                let next = tokio::select! {
                    biased;
                    next = next_worker(&shared, reason) => next,
                    () = shared.deadline() => None,
                };
                match next {
                    Some(worker) => worker,
                    None => break None,
                }
            }
        };
        let (started, _) = shared.running.counts();
        reason = match session(&shared, worker).await {
            (Ended::Stopping, membership) => break Some(membership),
            (Ended::Lost, _) => Reason::None,
            (Ended::InDoubt, membership) => {
                retiring.spawn(retire(Arc::clone(&shared), membership));
                Reason::None
            }
            (Ended::Idle, _) if shared.running.counts().0 > started => Reason::Work,
            (Ended::Idle, _) => Reason::Change,
        };
    };
    let report = drain(&shared, membership, retiring).await;
    tracing::info!(%report, "the worker has shut down");
    report
}

/// Joins the store for another session, as soon as there is reason to. `None` where the worker is to stop.
async fn next_worker(shared: &Shared, reason: Reason) -> Option<WorkerId> {
    if reason != Reason::None {
        shared.is(Presence::Dormant);
        if !until_needed(shared, reason).await {
            return None;
        }
    }
    shared.is(Presence::Joining);
    let backoff = Backoff::exponential(Duration::from_millis(50), Duration::from_secs(1));
    for failures in 1.. {
        match shared.join().await {
            Ok(worker) => return Some(worker),
            Err(error) => tracing::warn!(error = ?error, failures, "the store cannot be joined"),
        }
        tokio::select! {
            biased;
            () = shared.stopping() => return None,
            () = shared.clock.sleep(backoff.wait(failures, &mut shared.random())) => {}
        }
    }
    None
}

/// What a session holds.
struct Membership {
    worker: WorkerId,
    keepers: JoinSet<()>,
    receiver: JoinHandle<()>,
}

async fn session(shared: &Arc<Shared>, worker: WorkerId) -> (Ended, Membership) {
    tracing::debug!(%worker, "the worker joined");
    let mut keepers = keep(shared, worker);
    loop {
        let (slots, handed) = Slots::new(worker, shared.kinds.clone(), shared.queues.places());
        let mut receiver = tokio::spawn(receive(Arc::clone(shared), handed));
        shared.store.lend(slots.clone());
        let ended = tokio::select! {
            biased;
            () = shared.deadline() => Ended::Stopping,
            _ = keepers.join_next() => Ended::Lost,
            ended = fetch(Arc::clone(shared), worker) => ended,
        };
        slots.close();
        match ended {
            Ended::Stopping | Ended::InDoubt => {}
            Ended::Lost => {
                let jobs = shared.running.lose(worker);
                tracing::warn!(%worker, jobs, "the lease is lost: its jobs are told to stop, and a new one is taken");
            }
            Ended::Idle => {
                // A store may be about to fill a slot that it reserved before they were closed.
                let _ = timeout(GRACE, &mut receiver).await;
                let is_needed = !shared.running.is_quiet() || shared.queues.is_any_promising();
                if is_needed || shared.is_stopping() {
                    continue;
                }
                // Before it leaves: a heartbeat afterwards would find the lease lost.
                keepers.shutdown().await;
                leave(shared, worker, Instant::now() + GRACE).await;
            }
        }
        return (ended, Membership { worker, keepers, receiver });
    }
}

/// Keeps a worker's lease until what runs under it has ended, and leaves. With that the store takes back the jobs that it
/// claimed and did not hear of: no other worker could have them while its lease is renewed.
async fn retire(shared: Arc<Shared>, Membership { worker, mut keepers, receiver }: Membership) {
    let quiet = async {
        let _ = receiver.await;
        shared.running.quiet_of(worker).await;
    };
    tokio::select! {
        biased;
        () = quiet => {}
        _ = keepers.join_next() => {
            shared.running.lose(worker);
            return;
        }
    }
    keepers.shutdown().await;
    leave(&shared, worker, Instant::now() + GRACE).await;
}

/// Waits for what runs until the deadline, and gives the rest back.
async fn drain(shared: &Arc<Shared>, membership: Option<Membership>, retiring: JoinSet<()>) -> ShutdownReport {
    let (worker, mut keepers, receiver) = match membership {
        Some(Membership { worker, keepers, receiver }) => (Some(worker), keepers, Some(receiver)),
        None => (None, JoinSet::new(), None),
    };
    let finished = async {
        if let Some(receiver) = receiver {
            let _ = receiver.await;
        }
        shared.running.quiet().await;
    };
    let mut finished = std::pin::pin!(finished);
    let in_time = loop {
        tokio::select! {
            biased;
            () = &mut finished => break true,
            () = shared.deadline() => break false,
            Some(_) = keepers.join_next() => {
                worker.inspect(|worker| _ = shared.running.lose(*worker));
                keepers.abort_all();
            }
        }
    };
    let (_, ended) = shared.running.counts();
    let ended_before = shared.stop.borrow().map_or(ended, |stop| stop.ended);
    let last = Instant::now() + GRACE;
    let given_back = if in_time { Vec::new() } else { give_back(shared, last).await };
    drop(keepers);
    if let Some(worker) = worker {
        leave(shared, worker, last).await;
    }
    let _ = timeout_at(last, retiring.join_all()).await;
    ShutdownReport {
        finished: usize::try_from(ended - ended_before).unwrap_or(usize::MAX),
        given_back,
        unflushed: shared.running.unconfirmed(),
    }
}

/// Stops what can be stopped, and gives everything back.
async fn give_back(shared: &Shared, last: Instant) -> Vec<GivenBack> {
    let TakenOver { held, lost } = shared.running.take_over();
    for Attempt { context, handle, .. } in held.iter().chain(&lost) {
        context.cancel_token().cancel();
        handle.abort();
    }
    for attempt in &held {
        let in_transaction = attempt.context.is_completed_in_transaction();
        let (sample, log) = (attempt.sample.clone(), attempt.logged.end());
        shared.report(Report { in_transaction, ..Report::release(attempt.token, sample, log) });
    }
    let mut given_back = Vec::with_capacity(held.len());
    for Attempt { token, kind, handle, .. } in held {
        // It ends at its next await, if it has one.
        let _ = timeout_at(last, handle).await;
        given_back.push(GivenBack { id: token.job, kind, is_blocking: shared.running.is_blocking(&token) });
    }
    let _ = timeout_at(last, shared.running.quiet()).await;
    given_back
}

async fn leave(shared: &Shared, worker: WorkerId, last: Instant) {
    match timeout_at(last, shared.store.leave(worker)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = ?error, %worker, "the store was not left: the lease will expire"),
        Err(_) => tracing::warn!(%worker, "the store was not left in time: the lease will expire"),
    }
}
