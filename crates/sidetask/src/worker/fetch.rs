//! Claiming jobs for free places.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sidetask_core::{Backoff, Claim, Error, Handed, WorkerId};
use tokio::sync::mpsc;

use super::attempt;
use super::queues::{Place, Taken};
use super::shared::Shared;
use crate::observe::counting::claiming;

/// Why claiming ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// A shutdown was asked for.
    Stopping,
    /// The worker's lease is lost.
    Lost,
    /// A claim failed, and may have been carried out: the worker may hold jobs that it did not hear of.
    InDoubt,
    /// There was nothing to do for long enough.
    Idle,
}

/// Claims jobs and begins them.
pub(super) async fn fetch(shared: Arc<Shared>, worker: WorkerId) -> Ended {
    let mut poll = poll(&shared);
    let mut idle = Idle::new(&shared);
    let mut failures = 0;
    shared.queues.look_everywhere();
    loop {
        if shared.is_stopping() {
            return Ended::Stopping;
        }
        match claim(&shared, worker).await {
            // Only once claims are answered again, so that an outage ends one session and not one for each attempt.
            Ok(_) if failures > 0 => return Ended::InDoubt,
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) if error.is_lease_lost() => return Ended::Lost,
            Err(error) => {
                failures += 1;
                tracing::warn!(error = ?error, failures, "jobs cannot be claimed");
                if !pause(&shared, failures).await {
                    return Ended::Stopping;
                }
                continue;
            }
        }
        tokio::select! {
            biased;
            () = shared.stopping() => return Ended::Stopping,
            () = &mut poll => {
                poll = self::poll(&shared);
                shared.queues.look_everywhere();
            }
            () = shared.queues.wake.notified() => {}
            () = idle.passed(&shared) => return Ended::Idle,
        }
    }
}

/// Begins the jobs that the store hands over, until it can hand over no more.
pub(super) async fn receive(shared: Arc<Shared>, mut handed: mpsc::UnboundedReceiver<Handed>) {
    let mut batch = Vec::new();
    while handed.recv_many(&mut batch, 64).await > 0 {
        for Handed { job, permit, .. } in batch.drain(..) {
            match shared.queues.find(&job.queue) {
                Some(queue) => attempt::begin(&shared, job, Place::new(&shared.queues, queue, permit)),
                None => shared.give_back(&job),
            }
        }
    }
}

/// Claims once for every queue that is worth it. True where there may be more to claim at once.
async fn claim(shared: &Arc<Shared>, worker: WorkerId) -> Result<bool, Error> {
    if shared.is_behind() {
        return Ok(false);
    }
    let queues = &shared.queues;
    let mut taken = queues.take();
    if taken.is_empty() {
        return Ok(false);
    }
    let wants = taken.iter().map(|taken| taken.want(queues)).collect();
    let claim = Claim { worker, kinds: shared.kinds.clone(), wants };
    let claiming = claiming();
    let claimed = shared.store.claim(claim).await;
    claiming.end();
    let jobs = claimed.inspect_err(|_| taken.iter().for_each(|taken| queues.ask_again(taken)))?;
    for job in jobs {
        let place =
            taken.iter_mut().find(|taken| taken.is_of(queues, &job.queue)).and_then(|taken| taken.place(queues));
        match place {
            Some(place) => attempt::begin(shared, job, place),
            None => shared.give_back(&job),
        }
    }
    let full: Vec<&Taken> = taken.iter().filter(|taken| taken.is_used_up()).collect();
    full.iter().for_each(|taken| queues.ask_again(taken));
    Ok(!full.is_empty())
}

/// Waits before the store is asked again. False where the worker is to stop.
async fn pause(shared: &Shared, failures: u32) -> bool {
    let backoff = Backoff::exponential(Duration::from_millis(10), Duration::from_secs(1));
    let wait = backoff.wait(failures, &mut shared.random());
    tokio::select! {
        biased;
        () = shared.stopping() => false,
        () = shared.clock.sleep(wait) => true,
    }
}

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

fn poll(shared: &Shared) -> Sleep {
    shared.clock.sleep(shared.jittered(shared.settings.poll_interval))
}

/// Notices that nothing was begun for a while, where that matters.
struct Idle {
    after: Option<Duration>,
    /// Not there while something runs.
    sleep: Option<Sleep>,
    started: u64,
}

impl Idle {
    fn new(shared: &Shared) -> Self {
        Self { after: shared.settings.idle_after, sleep: None, started: shared.running.counts().0 }
    }

    /// Completes when nothing runs and nothing was begun for `idle_after`. Cancel safe.
    async fn passed(&mut self, shared: &Shared) {
        let Some(after) = self.after else { return std::future::pending().await };
        loop {
            let sleep = match &mut self.sleep {
                Some(sleep) => sleep,
                None => {
                    // Asking again and again, after no time at all, would keep a core busy.
                    shared.running.quiet().await;
                    self.sleep.insert(shared.clock.sleep(after))
                }
            };
            sleep.await;
            self.sleep = None;
            let started = shared.running.counts().0;
            if std::mem::replace(&mut self.started, started) == started && shared.running.is_quiet() {
                return;
            }
        }
    }
}
