use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask_core::{Call, Clock as _, Error, Handler, IdSource, Registry, StateMap, Store, TaskFunction, Timestamp};
use sidetask_testing::ManualClock;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::drain::{Bounds, Periods};
use super::queue::{Inner, TestQueue};
use super::recorder::Recorder;
use crate::worker::Periodic;
use crate::{BlockingPool, Client, Executor, MemoryStore, Schedule, logs, schedule};

/// Settings of a [`TestQueue`].
#[derive(Debug)]
#[must_use = "settings do nothing until `build` is called"]
pub struct TestQueueBuilder {
    registry: Registry,
    states: StateMap,
    pool: Option<BlockingPool>,
    clock: ManualClock,
    recorder: Arc<Recorder>,
    client: Client,
    seed: u64,
    schedules: Vec<Periodic>,
    bounds: Bounds,
}

impl TestQueueBuilder {
    pub(super) fn new() -> Self {
        let clock = ManualClock::default();
        let memory = MemoryStore::builder().clock(clock.clone()).keep_finished(usize::MAX).build();
        let recorder = Arc::new(Recorder::new(memory));
        Self {
            registry: Registry::discovered(),
            states: StateMap::new(),
            pool: None,
            clock,
            client: Client::new(Arc::clone(&recorder) as Arc<dyn Store>),
            recorder,
            seed: 0,
            schedules: Vec::new(),
            bounds: Bounds::default(),
        }
    }

    /// Gives a value to the tasks that take one of its type as `#[state]`, in place of an earlier one of the same type.
    /// Only what the tasks that run in the test take has to be given.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Gives a value that is made of the queue's client, for tasks that enqueue others.
    ///
    /// ```standalone_crate
    /// use sidetask::testing::TestQueue;
    /// use sidetask::{Client, TaskError, task};
    ///
    /// #[task]
    /// async fn first(#[state] client: Client) -> Result<(), TaskError> {
    ///     client.enqueue(second::call()).await?;
    ///     Ok(())
    /// }
    ///
    /// #[task]
    /// async fn second() {}
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), sidetask::Error> {
    /// let queue = TestQueue::builder().state_of(Client::clone).build()?;
    /// let run = queue.run_job(first::call()).await?;
    /// assert_eq!(run.enqueued[0].kind, second::KIND);
    /// # Ok(())
    /// # }
    /// ```
    pub fn state_of<T: Clone + Send + Sync + 'static>(self, value: impl FnOnce(&Client) -> T) -> Self {
        let value = value(&self.client);
        self.state(value)
    }

    /// Sets the tasks that can be run, in place of those known so far. Default: every `#[task]` function linked into this
    /// program.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Adds a function that implements [`TaskFunction`].
    #[track_caller]
    pub fn add<F: TaskFunction>(mut self) -> Self {
        self.registry.add::<F>();
        self
    }

    /// Adds an async closure under a kind of its own, see [`Registry::register`].
    #[track_caller]
    pub fn register<M>(mut self, kind: impl Into<Cow<'static, str>>, f: impl Handler<M>) -> Self {
        self.registry.register(kind, f);
        self
    }

    /// The threads for tasks that are plain functions and name no pool. Default: [`BlockingPool::shared`], which other
    /// tests of the same process use as well.
    pub fn pool(mut self, pool: impl Into<BlockingPool>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// The time at which the clock stands at first. Default: 2026-01-01T00:00:00Z.
    pub fn starts_at(self, time: Timestamp) -> Self {
        self.clock.set(time);
        self
    }

    /// Seeds the jitter of backoffs: the same seed makes the same waits. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Has a job stored at each tick of a schedule, as [`WorkerBuilder::schedule`](crate::WorkerBuilder::schedule) does:
    /// by the drains, and as they find the clock. [`drain_for`](TestQueue::drain_for) goes from tick to tick.
    pub fn schedule<T: 'static>(
        mut self,
        schedule: Schedule,
        call: impl Fn(Timestamp) -> Call<T> + Send + Sync + 'static,
    ) -> Self {
        self.schedules.push(Periodic::new(schedule, usize::MAX, call));
        self
    }

    /// The most attempts that one drain begins before it fails and says what goes on for ever. Default: 10,000.
    pub const fn most_attempts(mut self, attempts: usize) -> Self {
        self.bounds.attempts = attempts;
        self
    }

    /// The longest time by which [`drain_until_idle`](TestQueue::drain_until_idle) moves the clock before it fails and
    /// says what goes on for ever. Default: 365 days.
    pub const fn longest_drain(mut self, time: Duration) -> Self {
        self.bounds.time = time;
        self
    }

    /// The queue.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) names every fault of the registered tasks and of the schedules.
    pub fn build(self) -> Result<TestQueue, Error> {
        let Self { registry, states, pool, clock, recorder, client, seed, schedules, bounds } = self;
        let mut faults = Vec::new();
        let ticks = schedule::read(schedules.iter().map(|periodic| &periodic.schedule), clock.now(), &mut faults);
        if !faults.is_empty() {
            return Err(Error::configuration(&faults));
        }
        let kinds = registry.kinds();
        let executor = Executor::builder(registry).states(states).clock(Arc::new(clock.clone()));
        let executor = executor.pool(pool.unwrap_or_else(BlockingPool::shared)).build_lacking_states()?;
        let ids = IdSource::new();
        Ok(TestQueue::from(Inner {
            client,
            recorder,
            kinds,
            executor,
            worker: ids.worker(clock.now()),
            ids,
            clock,
            limiters: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            periods: Periods::new(schedules, ticks),
            bounds,
            subscriber: tracing_subscriber::registry().with(logs::layer_with(LevelFilter::DEBUG)).into(),
        }))
    }
}
