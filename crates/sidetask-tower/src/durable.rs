//! Jobs that are stored before the head of their response goes on, and let go when the response is complete.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sidetask::core::Change;
use sidetask::{Call, Client, Error, JobId, Prepared, Runner, Task, Timestamp};
use tokio::runtime::{Handle, Id};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use tracing::Span;

use crate::background::Durable;

/// Stores calls so that they are due only after the hold, renews that while their responses last, and lets them go.
#[derive(Debug)]
pub(crate) struct Holder {
    client: Client,
    hold: Duration,
    /// What is on its way to the store, so that a shutdown waits for it.
    pub(crate) runner: Runner,
    /// By the runtime that their responses were made on: one that ends takes no other's along.
    kept: Mutex<HashMap<Id, Kept>>,
    /// Held to read while jobs are let go, and to write while holds are renewed: a renewal that comes after its job was
    /// let go would put it off.
    order: RwLock<()>,
}

/// How many holds one request to the store renews, so that none holds up others for long.
const CHUNK: usize = 1_000;

/// How long a release waits before it asks a store again that failed, doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Which holds of one runtime are renewed, and by whom.
#[derive(Debug, Default)]
struct Kept {
    /// When each job would be due without a hold; `None`: at once, whatever the clock shows by then.
    jobs: HashMap<JobId, Option<Timestamp>>,
    keeper: Option<JoinHandle<()>>,
}

/// A call that is to be stored, and whether its list runs only where the body was sent.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) durable: Durable,
    pub(crate) only_if_sent: bool,
}

/// The response that a step is for.
pub(crate) struct Responding<'a> {
    pub(crate) runtime: Option<&'a Handle>,
    pub(crate) span: &'a Span,
    pub(crate) origin: Option<String>,
}

/// Of a task that the runtime is missing for.
pub(crate) fn no_runtime(task: &str) -> Error {
    Error::configuration(&[format!("`{task}` needs a tokio runtime, but the response was made outside of one")])
}

/// A job that is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    id: JobId,
    due: Option<Timestamp>,
    only_if_sent: bool,
    runtime: Id,
}

impl Holder {
    pub(crate) fn new(client: Client, hold: Duration) -> Result<Self, Error> {
        let runner = Runner::builder().concurrency(usize::MAX).build()?;
        Ok(Self { client, hold, runner, kept: Mutex::default(), order: RwLock::new(()) })
    }

    /// Stores calls in one batch, each due after the hold or its own delay, whichever is later, and begins to renew
    /// their holds. What was there before is not ours to hold.
    ///
    /// A client that only dispatches cannot hold anything: what it is given is sent at once.
    pub(crate) async fn hold(self: &Arc<Self>, wanted: Vec<Wanted>) -> Result<Vec<Held>, Error> {
        if self.client.store().is_none() {
            self.send(wanted).await?;
            return Ok(Vec::new());
        }
        let (now, runtime) = (self.client.clock().now(), Handle::current().id());
        let mut held = Vec::with_capacity(wanted.len());
        let mut calls = Vec::with_capacity(wanted.len());
        for Wanted { durable: Durable { id, call }, only_if_sent } in wanted {
            let (due, is_ahead) = call.when().due(now);
            let due = is_ahead.then_some(due);
            held.push(Held { id, due, only_if_sent, runtime });
            let call = if due < Some(now.after(self.hold)) { call.delay(self.hold) } else { call };
            calls.push(call.id(id));
        }
        let jobs = self.client.enqueue_many(calls).await?;
        let mut new = jobs.iter().map(|job| !job.existed());
        held.retain(|_| new.next().unwrap_or_default());
        self.keep(&held, runtime);
        Ok(held)
    }

    async fn send(&self, wanted: Vec<Wanted>) -> Result<(), Error> {
        if let Some(Wanted { durable, .. }) = wanted.iter().find(|wanted| wanted.only_if_sent) {
            return Err(Error::unsupported(format!(
                "`{}` is to run only if the response is sent, but its client sends jobs to a service that holds none \
                 back: leave out `only_if_sent`, or use a store",
                durable.call.kind()
            )));
        }
        self.store(wanted.into_iter().map(|wanted| wanted.durable).collect()).await
    }

    /// Stores calls whose response is over already.
    pub(crate) async fn store(&self, late: Vec<Durable>) -> Result<(), Error> {
        let calls = late.into_iter().map(|Durable { id, call }| call.id(id));
        self.client.enqueue_many(calls).await.map(drop)
    }

    /// Lets jobs go: those for which it `is_sent`, or that run all the same, at the time that their calls asked for; the
    /// others are cancelled. The holds are no longer renewed when this returns; the rest follows by itself.
    pub(crate) fn let_go(self: &Arc<Self>, held: Vec<Held>, is_sent: bool, from: Responding<'_>) {
        self.forget(&held);
        let holder = Arc::clone(self);
        let release = async move { holder.release(held, is_sent).await };
        if let Err(error) = self.begin(Task::once(release).named("letting jobs go"), from) {
            tracing::warn!(%error, "jobs were not let go at the end of their response: they run when their hold lapses");
        }
    }

    /// Begins a step towards the store, which a shutdown waits for.
    pub(crate) fn begin(&self, step: Task<()>, from: Responding<'_>) -> Result<(), Error> {
        let runtime = from.runtime.ok_or_else(|| no_runtime(&step.name()))?;
        Ok(self.runner.start(runtime, Prepared::new(step).follows(from.span).origin(from.origin))?)
    }

    /// Lets jobs go, again and again until their hold has lapsed where the store fails.
    async fn release(&self, held: Vec<Held>, is_sent: bool) {
        let (mut wait, mut waited) = (FIRST_WAIT, Duration::ZERO);
        while !self.try_release(&held, is_sent).await && waited < self.hold {
            self.client.clock().sleep(wait).await;
            (waited, wait) = (waited + wait, 2 * wait);
        }
    }

    /// Answers whether it may be done with, since the store did it or never will.
    async fn try_release(&self, held: &[Held], is_sent: bool) -> bool {
        let _order = self.order.read().await;
        let now = self.client.clock().now();
        let (run, cancelled): (Vec<Held>, Vec<Held>) = held.iter().partition(|job| is_sent || !job.only_if_sent);
        let (due, later): (Vec<Held>, Vec<Held>) = run.into_iter().partition(|job| job.due <= Some(now));
        let mut is_done = self.change(ids(&cancelled), Change::Cancel).await;
        is_done &= self.change(ids(&due), Change::Reschedule(Duration::ZERO)).await;
        for job in later {
            let wait = job.due.map_or(Duration::ZERO, |due| due.since(now));
            is_done &= self.change(vec![job.id], Change::Reschedule(wait)).await;
        }
        is_done
    }

    /// Answers false where asking the store again may help.
    async fn change(&self, ids: Vec<JobId>, change: Change) -> bool {
        if ids.is_empty() {
            return true;
        }
        // Nothing is held where jobs are only sent.
        let Some(store) = self.client.store() else { return true };
        let Err(error) = store.change(ids.clone(), change.clone()).await else { return true };
        let source = std::error::Error::source(&error);
        tracing::warn!(?ids, ?change, source, "held jobs were not changed: they run when their hold lapses: {error}");
        !error.is_storage()
    }

    fn keep(self: &Arc<Self>, held: &[Held], runtime: Id) {
        if held.is_empty() {
            return;
        }
        let mut kept = self.kept();
        let kept = kept.entry(runtime).or_default();
        kept.jobs.extend(held.iter().map(|job| (job.id, job.due)));
        if kept.keeper.as_ref().is_none_or(JoinHandle::is_finished) {
            kept.keeper = Some(tokio::spawn(keep(self, runtime)));
        }
    }

    fn forget(&self, held: &[Held]) {
        let mut kept = self.kept();
        for job in held {
            if let Some(kept) = kept.get_mut(&job.runtime) {
                kept.jobs.remove(&job.id);
            }
        }
        // Those of runtimes that are gone.
        kept.retain(|_, kept| {
            !kept.jobs.is_empty() || kept.keeper.as_ref().is_some_and(|keeper| !keeper.is_finished())
        });
    }

    fn tick(&self) -> impl Future<Output = ()> + Send + use<> {
        self.client.clock().sleep(self.hold / 3)
    }

    /// Renews all holds of a runtime. Answers false where there is none any more.
    async fn renew(&self, runtime: Id) -> bool {
        let _order = self.order.write().await;
        let Some(ids) = self.near(runtime) else { return false };
        for ids in ids.chunks(CHUNK) {
            self.change(ids.to_vec(), Change::Reschedule(self.hold)).await;
        }
        true
    }

    /// The jobs whose own time is nearer than the hold. `None` where no job is held: then the keeper ends.
    fn near(&self, runtime: Id) -> Option<Vec<JobId>> {
        let limit = self.client.clock().now().after(self.hold);
        let mut kept = self.kept();
        let jobs = &kept.get(&runtime)?.jobs;
        if jobs.is_empty() {
            kept.remove(&runtime);
            return None;
        }
        Some(jobs.iter().filter(|(_, due)| **due <= Some(limit)).map(|(id, _)| *id).collect())
    }

    /// Nothing panics while it holds the lock.
    fn kept(&self) -> MutexGuard<'_, HashMap<Id, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews holds, three times as often as they lapse, from now on.
fn keep(holder: &Arc<Holder>, runtime: Id) -> impl Future<Output = ()> + use<> {
    let (mut tick, holder) = (holder.tick(), Arc::downgrade(holder));
    async move {
        loop {
            tick.await;
            match holder.upgrade() {
                Some(holder) if holder.renew(runtime).await => tick = holder.tick(),
                _ => return,
            }
        }
    }
}

fn ids(jobs: &[Held]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

/// What the calls are called together.
pub(crate) fn kinds<'a>(calls: impl Iterator<Item = &'a Call>) -> String {
    calls.map(Call::kind).collect::<Vec<_>>().join(", ")
}
