//! The events of one function: waiting for an environment, running, and to be retried.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::environment;
use super::function::Function;
use super::guard::Guard;
use super::record::{Outcome, Record, Run};
use crate::{ACCOUNT, REGION};

/// How long [`Deployed::settled`] waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// A function of the stand-in, and what happens to it.
#[derive(Debug)]
pub(super) struct Deployed {
    pub(super) name: String,
    pub(super) function: Function,
    pub(super) deliver_twice: AtomicBool,
    record: Mutex<Record>,
    queue: Mutex<Queue>,
    arrived: Notify,
    /// Events that have not ended.
    open: watch::Sender<usize>,
    tasks: Mutex<JoinSet<()>>,
    guard: Arc<Guard>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Delivery>,
    /// All that there are.
    environments: usize,
    /// Those of them that run nothing, also while they start.
    idle: usize,
    /// The processes that nobody here has killed.
    pids: HashSet<u32>,
}

/// An event, and whom it is for.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) request_id: String,
    pub(super) qualifier: Option<String>,
    pub(super) payload: Bytes,
}

/// One run that an event is to have.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) event: Event,
    pub(super) done: oneshot::Sender<Outcome>,
}

impl Event {
    /// With a request id of its own.
    pub(super) fn new(payload: impl Into<Bytes>) -> Self {
        Self { request_id: Uuid::new_v4().to_string(), qualifier: None, payload: payload.into() }
    }
}

impl Deployed {
    pub(super) fn new(name: &str, function: Function, guard: Arc<Guard>) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            function,
            deliver_twice: AtomicBool::new(false),
            record: Mutex::default(),
            queue: Mutex::default(),
            arrived: Notify::new(),
            open: watch::Sender::new(0),
            tasks: Mutex::default(),
            guard,
        })
    }

    pub(super) fn arn(&self, qualifier: Option<&str>) -> String {
        let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}{qualifier}", self.name)
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        locked(&self.record)
    }

    /// Runs an event until it succeeds or its retries are used up; then it is a dead letter.
    pub(super) fn queue(self: &Arc<Self>, event: &Event) {
        let copies = if self.deliver_twice.load(Ordering::Relaxed) { 2 } else { 1 };
        for _ in 0..copies {
            let this = Arc::clone(self);
            let event = event.clone();
            self.open.send_modify(|open| *open += 1);
            self.spawn(async move {
                if !this.succeeds(&event).await {
                    this.record().dead_letters.push(event.payload);
                }
                this.open.send_modify(|open| *open -= 1);
            });
        }
    }

    async fn succeeds(self: &Arc<Self>, event: &Event) -> bool {
        let mut delays = self.function.retry_delays.iter();
        for attempt in 1.. {
            if self.run(event, attempt).await.is_returned() {
                return true;
            }
            let Some(delay) = delays.next() else { break };
            sleep(*delay).await;
        }
        false
    }

    /// Runs an event once. It ends, and is recorded, also where nobody waits for it any more.
    pub(super) async fn invoke(self: &Arc<Self>, event: Event) -> Outcome {
        let this = Arc::clone(self);
        let (answer, outcome) = oneshot::channel();
        self.open.send_modify(|open| *open += 1);
        self.spawn(async move {
            // The caller may be gone.
            let _ = answer.send(this.run(&event, 1).await);
            this.open.send_modify(|open| *open -= 1);
        });
        outcome.await.unwrap_or(Outcome::Died)
    }

    async fn run(self: &Arc<Self>, event: &Event, attempt: usize) -> Outcome {
        let (done, outcome) = oneshot::channel();
        locked(&self.queue).waiting.push_back(Delivery { event: event.clone(), done });
        self.arrived.notify_waiters();
        self.scale();
        let outcome = outcome.await.unwrap_or(Outcome::Died);
        let Event { request_id, payload, .. } = event.clone();
        self.record().runs.push(Run { request_id, attempt, payload, outcome: outcome.clone() });
        outcome
    }

    /// Starts as many environments as are missing.
    fn scale(self: &Arc<Self>) {
        let mut queue = locked(&self.queue);
        while queue.waiting.len() > queue.idle && queue.environments < self.function.concurrency {
            queue.environments += 1;
            queue.idle += 1;
            self.spawn(environment::live(Arc::clone(self)));
        }
    }

    /// The next delivery, for an environment that is idle. Dropping it takes nothing.
    pub(super) async fn take(&self) -> Delivery {
        loop {
            let arrived = self.arrived.notified();
            if let Some(delivery) = self.take_now() {
                return delivery;
            }
            arrived.await;
        }
    }

    pub(super) fn take_now(&self) -> Option<Delivery> {
        let mut queue = locked(&self.queue);
        let delivery = queue.waiting.pop_front()?;
        queue.idle -= 1;
        Some(delivery)
    }

    /// Takes a delivery back that no environment has had. Its taker is idle again.
    pub(super) fn put_back(self: &Arc<Self>, delivery: Delivery) {
        let mut queue = locked(&self.queue);
        queue.waiting.push_front(delivery);
        queue.idle += 1;
        drop(queue);
        self.arrived.notify_waiters();
    }

    /// An environment has run what it took.
    pub(super) fn is_idle_again(&self) {
        locked(&self.queue).idle += 1;
    }

    /// An idle environment is no more.
    pub(super) fn has_ended(self: &Arc<Self>) {
        let mut queue = locked(&self.queue);
        queue.environments -= 1;
        queue.idle -= 1;
        drop(queue);
        self.scale();
    }

    pub(super) fn add_process(&self, pid: u32) {
        self.guard.watch(pid);
        locked(&self.queue).pids.insert(pid);
    }

    /// Whether it had not been killed here.
    pub(super) fn remove_process(&self, pid: u32) -> bool {
        self.guard.forget(pid);
        locked(&self.queue).pids.remove(&pid)
    }

    pub(super) fn is_sound(&self, pid: u32) -> bool {
        locked(&self.queue).pids.contains(&pid)
    }

    pub(super) fn kill_processes(&self) -> usize {
        let pids = std::mem::take(&mut locked(&self.queue).pids);
        for pid in &pids {
            if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                // It may have ended by itself.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        pids.len()
    }

    pub(super) async fn settled(&self) -> Result<()> {
        let mut open = self.open.subscribe();
        let settled = timeout(PATIENCE, open.wait_for(|open| *open == 0)).await;
        let name = &self.name;
        // The other error is that the sender, which is ours, is gone.
        settled
            .map(drop)
            .with_context(|| format!("`{name}` still has events after {PATIENCE:?}: {}", self.record().logs))
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        locked(&self.tasks).spawn(task);
    }

    /// Ends everything, processes included.
    pub(super) fn abort(&self) {
        locked(&self.tasks).abort_all();
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
