use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sidetask_core::__private::check_name;
use sidetask_core::{Call, Error, Handler, IdSource, Registry, StateMap, Store, TaskFunction, TaskOptions, Timestamp};
use tokio::sync::{Notify, Semaphore, mpsc, watch};

use super::Worker;
use super::queues::Queues;
use super::retention::Retention;
use super::running::Running;
use super::scheduler::Periodic;
use super::session::live;
use super::shared::{Presence, Shared};
use crate::observe::counting;
use crate::schedule::{self, Schedule};
use crate::{BlockingPool, Executor, ExecutorBuilder, rate};

/// Settings of a [`Worker`]; made by [`Client::worker`](crate::Client::worker).
#[derive(Debug)]
#[must_use = "a worker does nothing until `start` is called"]
pub struct WorkerBuilder {
    /// Not there where the client only dispatches.
    store: Option<Arc<dyn Store>>,
    queues: Vec<(String, usize)>,
    states: StateMap,
    registry: Registry,
    pool: Option<BlockingPool>,
    max_output_bytes: usize,
    max_args_bytes: usize,
    schedules: Vec<Periodic>,
    seed: Option<u64>,
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) lease: Duration,
    pub(super) poll_interval: Duration,
    pub(super) retention: Retention,
    pub(super) idle_after: Option<Duration>,
    /// With this many results on their way to the store, no more jobs are claimed.
    pub(super) max_unconfirmed: usize,
}

const SHORTEST_LEASE: Duration = Duration::from_millis(100);
const SHORTEST_POLL: Duration = Duration::from_millis(10);
const DEFAULT_IDLE: Duration = Duration::from_secs(5);

impl WorkerBuilder {
    pub(crate) fn new(store: Option<Arc<dyn Store>>, max_args_bytes: usize) -> Self {
        let settings = Settings {
            name: default_name(),
            lease: Duration::from_secs(15),
            poll_interval: Duration::from_secs(1),
            retention: Retention::default(),
            idle_after: None,
            max_unconfirmed: 0,
        };
        Self {
            store,
            queues: Vec::new(),
            states: StateMap::new(),
            registry: Registry::discovered(),
            pool: None,
            max_output_bytes: ExecutorBuilder::MAX_OUTPUT_BYTES,
            max_args_bytes,
            schedules: Vec::new(),
            seed: None,
            settings,
        }
    }

    /// Adds a queue, and how many of its jobs may run at once; at least 1. Default, where no queue is added: the queue
    /// `default` with twice as many as there are cores.
    pub fn queue(mut self, name: impl Into<String>, concurrency: usize) -> Self {
        self.queues.push((name.into(), concurrency));
        self
    }

    /// Gives a value to the tasks that take one of its type as `#[state]`, in place of an earlier one of the same type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Sets the tasks that it can run, in place of those known so far. Default: every `#[task]` function linked into
    /// this program.
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

    /// Has a job stored at each tick of a schedule: the one that `call` makes of the tick's time. It waits in its queue
    /// like any other, for this worker or another.
    ///
    /// **Each tick makes one job**, whichever and however many workers have the schedule, and whatever becomes of them:
    /// the store takes a tick once. Where no worker was there at its time, [`Missed`](crate::Missed) says what becomes of
    /// it. A worker that was paused, whose clock was set, or that could not reach the store goes on with the latest tick;
    /// nothing is stored for a time that a clock set back shows again. A dormant worker ([`when_needed`](Self::when_needed))
    /// keeps its schedules. The time is the store's; a clock that is set is noticed within ten seconds.
    ///
    /// `call` may be called for a tick that another worker takes, and again where the store did not answer: it should do
    /// nothing but make the call. Where it panics, or its call cannot be stored (see
    /// [`Client::enqueue`](crate::Client::enqueue)), this worker leaves the tick out and logs an error. A call with an
    /// [`id`](Call::id) or a [`key`](Call::key) that the store has adds nothing.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use sidetask::{Call, Schedule};
    ///
    /// # async fn example() -> Result<(), sidetask::Error> {
    /// let client = sidetask::connect("memory:").await?;
    /// let worker = client
    ///     .worker()
    ///     .register("report", |day: String| async move { format!("the report of {day}") })
    ///     .schedule(Schedule::every("reports.hourly", Duration::from_secs(3600)), |at| {
    ///         Call::new("report", at.to_string()).max_attempts(3)
    ///     })
    ///     .start()
    ///     .await?;
    /// # worker.shutdown(Duration::ZERO).await;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn schedule<T: 'static>(
        mut self,
        schedule: Schedule,
        call: impl Fn(Timestamp) -> Call<T> + Send + Sync + 'static,
    ) -> Self {
        self.schedules.push(Periodic::new(schedule, self.max_args_bytes, call));
        self
    }

    /// How long the store waits for a sign of life before it gives this worker's jobs to another; at least 100 ms. A
    /// heartbeat for all jobs together is sent every third of it. A shorter lease recovers faster from a crash and
    /// tolerates shorter stalls. Default: 15 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How often it looks for jobs though it heard of none, a tenth more or less; at least 10 ms. This is only the net
    /// under notifications. Default: 1 s.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.settings.poll_interval = interval;
        self
    }

    /// How long ended jobs are kept. Default: [`Retention::default`].
    pub fn retention(mut self, retention: Retention) -> Self {
        self.settings.retention = retention;
        self
    }

    /// The threads for tasks that are plain functions and name no pool: a pool, or [its name](BlockingPool::named).
    /// Default: [`BlockingPool::shared`]. Where a task's pool is full, the job is given back for about a second, with no
    /// attempt used.
    pub fn pool(mut self, pool: impl Into<BlockingPool>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// The largest output of one job, in bytes of JSON; a larger one discards the job; at least 1. Default: 1 MiB.
    pub fn max_output_bytes(mut self, bytes: usize) -> Self {
        self.max_output_bytes = bytes;
        self
    }

    /// Seeds all its jitter, for tests. Default: another one each time.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Its name, for people. Default: the program's name and process id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Makes it dormant while there is nothing to do: it has left the store, and neither polls nor sends heartbeats. It
    /// comes back when a job is enqueued in this process or falls due, and when the store notices that another process
    /// wrote; should that go unheard, it looks about once a minute. Default: it stays.
    pub fn when_needed(self) -> Self {
        let idle_after = self.settings.idle_after.unwrap_or(DEFAULT_IDLE);
        self.idle_after(idle_after)
    }

    /// Like [`when_needed`](Self::when_needed), dormant after being idle for this long. Zero: at once. Default: 5 s.
    pub fn idle_after(mut self, idle_after: Duration) -> Self {
        self.settings.idle_after = Some(idle_after);
        self
    }

    /// Checks the settings, joins the store and begins to work, in tasks of the tokio runtime that this is called on.
    ///
    /// # Errors
    /// - [`is_configuration`](Error::is_configuration) names every fault of the settings and of the registered tasks;
    /// - [`is_missing_state`](Error::is_missing_state) names a task and the type of the `#[state]` value that it lacks;
    /// - [`is_unsupported`](Error::is_unsupported) where the client only dispatches: others run what it sends;
    /// - the store's own where it cannot be joined.
    ///
    /// # Cancel safety
    /// Dropping the future starts nothing. The store may then know a worker that is not there, until its lease expires.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn start(self) -> Result<Worker, Error> {
        let Self {
            store,
            mut queues,
            states,
            mut registry,
            pool,
            max_output_bytes,
            max_args_bytes: _,
            schedules,
            seed,
            mut settings,
        } = self;
        let Some(store) = store else { return Err(nothing_to_claim()) };
        if queues.is_empty() {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            queues.push((TaskOptions::DEFAULT_QUEUE.to_owned(), 2 * cores));
        }
        let clock = store.clock();
        let mut faults = Vec::new();
        check(&queues, &settings, max_output_bytes, &mut registry, &mut faults);
        let ticks = schedule::read(schedules.iter().map(|periodic| &periodic.schedule), clock.now(), &mut faults);
        if !faults.is_empty() {
            return Err(Error::configuration(&faults));
        }
        let kinds = registry.kinds();
        let executor = Executor::builder(registry).states(states).clock(Arc::clone(&clock));
        let executor =
            executor.max_output_bytes(max_output_bytes).pool(pool.unwrap_or_else(BlockingPool::shared)).build()?;

        settings.max_unconfirmed =
            queues.iter().map(|(_, concurrency)| concurrency.saturating_mul(4)).sum::<usize>() + 64;
        counting::describe();
        let ids = IdSource::new();
        let (reports, to_store) = mpsc::unbounded_channel();
        let events = store.listen();
        let shared = Arc::new(Shared {
            worker: Mutex::new(ids.worker(clock.now())),
            presence: Mutex::new(Presence::Joining),
            ids,
            kinds,
            executor,
            queues: Queues::new(&queues),
            running: Arc::new(Running::default()),
            reports,
            stop: watch::Sender::new(None),
            due: Notify::new(),
            changed: Notify::new(),
            random: Mutex::new(seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)),
            settings,
            begun: clock.elapsed(),
            clock,
            publisher: events.publisher(),
            store,
        });
        let joined = if shared.settings.idle_after.is_none() { Some(shared.join().await?) } else { None };
        let (report, ended) = watch::channel(None);
        let periodics = schedules.into_iter().zip(ticks).collect();
        let life = live(Arc::clone(&shared), events, to_store, periodics, joined);
        tokio::spawn(async move { report.send_replace(Some(life.await)) });
        Ok(Worker::new(shared, ended))
    }
}

fn nothing_to_claim() -> Error {
    Error::unsupported(
        "there is nothing for a worker to claim: this client sends its jobs to a service that has others run them, \
         such as a Lambda function; run workers where the client has a store",
    )
}

fn check(
    queues: &[(String, usize)],
    settings: &Settings,
    max_output_bytes: usize,
    registry: &mut Registry,
    faults: &mut Vec<String>,
) {
    for (at, (name, concurrency)) in queues.iter().enumerate() {
        check_name("queue", name, faults);
        if queues[..at].iter().any(|(earlier, _)| earlier == name) {
            faults.push(format!("queue `{name}` is given twice: give it once, with its whole concurrency"));
        }
        if !(1..=MOST_CONCURRENT).contains(concurrency) {
            faults.push(format!(
                "queue `{name}` has a concurrency of {concurrency}: it must be 1 to {MOST_CONCURRENT}; to hold a queue \
                 back, pause it or leave it out"
            ));
        }
    }
    let mut at_least = |what: &str, given: Duration, least: Duration| {
        if given < least {
            faults.push(format!("{what} is {given:?}: it must be at least {least:?}"));
        }
    };
    at_least("the lease", settings.lease, SHORTEST_LEASE);
    at_least("the poll interval", settings.poll_interval, SHORTEST_POLL);
    if max_output_bytes == 0 {
        faults.push("max_output_bytes is 0: no output has 0 bytes, so that every job would fail".to_owned());
    }
    if registry.is_empty() {
        faults.push(
            "no task is registered: mark functions `#[task]` and link their crates, or give the worker a registry"
                .to_owned(),
        );
    }
    if let Err(error) = registry.check() {
        faults.push(error.to_string());
    } else {
        let kinds = registry.kinds();
        let known = kinds.iter().filter_map(|kind| registry.find(kind));
        let limits = known.filter_map(|definition| definition.options().rate_limit.as_ref());
        faults.extend(limits.filter_map(|limit| rate::limiter(limit).err()).map(|error| error.to_string()));
    }
}

const MOST_CONCURRENT: usize = if Semaphore::MAX_PERMITS < 1_000_000 { Semaphore::MAX_PERMITS } else { 1_000_000 };

fn default_name() -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(|path| path.file_stem()).map(|name| name.to_string_lossy());
    format!("{}:{}", program.as_deref().unwrap_or("worker"), std::process::id())
}
