//! Settings of the layer.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use sidetask::{BlockingPool, Client, Error, Registry, Runner, RunnerBuilder, TaskFailure};

use crate::BackgroundLayer;
use crate::durable::Holder;
use crate::shared::Shared;

/// Settings of a [`BackgroundLayer`].
#[must_use = "settings do nothing until `build` is called"]
pub struct BackgroundLayerBuilder {
    client: Option<Client>,
    runner: RunnerBuilder,
    when_full: WhenFull,
    request_id: HeaderName,
    hold: Duration,
}

/// What to do with requests while as many tasks wait as may. Durable calls need no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Answers 503 with `Retry-After: 1` and no body, before the handler runs.
    #[default]
    Reject,
    /// Holds requests before the handler until there is room: the service is not ready then.
    Wait,
    /// Runs the handler and drops the tasks that find no room, which is logged, reported and counted in
    /// [`stats`](BackgroundLayer::stats).
    Drop,
}

const SHORTEST_HOLD: Duration = Duration::from_millis(100);

impl BackgroundLayerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            client: None,
            runner: Runner::builder(),
            when_full: WhenFull::default(),
            request_id: HeaderName::from_static("x-request-id"),
            hold: Duration::from_secs(15),
        }
    }

    /// Whose store durable calls are given to, or who sends them. Default: none, so that durable calls are answered with
    /// 500.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// How many tasks run at once, a list counting as one; at least 1. Default: 1,000.
    pub fn concurrency(mut self, tasks: usize) -> Self {
        self.runner = self.runner.concurrency(tasks);
        self
    }

    /// How many tasks may wait while that many run. Zero: none. Default: 10,000.
    pub fn queue(mut self, tasks: usize) -> Self {
        self.runner = self.runner.queue(tasks);
        self
    }

    /// What to do with requests while the queue is full. Default: [`WhenFull::Reject`].
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Sets a callback for failures, after they were logged: of tasks, panics included; tasks that were dropped for want
    /// of room; calls that could not be stored. It should not block; should it panic, that is logged. Default: none.
    pub fn on_error(mut self, callback: impl Fn(&TaskFailure<'_>) + Send + Sync + 'static) -> Self {
        self.runner = self.runner.on_error(callback);
        self
    }

    /// The header with the request's id, read from the request, else from the response. Logs, failures and the report of
    /// a shutdown name it. Default: `x-request-id`.
    pub fn request_id_header(mut self, name: HeaderName) -> Self {
        self.request_id = name;
        self
    }

    /// Gives a value to the calls in this process that take one of its type as `#[state]`, in place of an earlier one of
    /// that type.
    pub fn state<S: Clone + Send + Sync + 'static>(mut self, value: S) -> Self {
        self.runner = self.runner.state(value);
        self
    }

    /// Where the functions of calls are looked up. Default: all `#[task]` functions linked into the program.
    pub fn registry(mut self, registry: impl Into<Arc<Registry>>) -> Self {
        self.runner = self.runner.registry(registry);
        self
    }

    /// The pool that blocking code runs on, or [its name](BlockingPool::named). What a task has of its own comes first.
    /// Default: [`BlockingPool::shared`].
    pub fn pool(mut self, pool: impl Into<BlockingPool>) -> Self {
        self.runner = self.runner.pool(pool);
        self
    }

    /// How long after this process died a durable call may run that was stored for a response under way; at least
    /// 100 ms. It is renewed every third of this while responses last, so that a store which cannot be reached for two
    /// thirds of it may have jobs run before their responses are complete. Default: 15 s.
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) names every fault.
    pub fn build(self) -> Result<BackgroundLayer, Error> {
        let Self { client, runner, when_full, request_id, hold } = self;
        let runner = runner.build();
        if hold < SHORTEST_HOLD {
            let fault =
                format!("a hold of {hold:?} lapses before responses end: it must be at least {SHORTEST_HOLD:?}");
            let faults: Vec<_> = runner.err().map(|error| error.to_string()).into_iter().chain([fault]).collect();
            return Err(Error::configuration(&faults));
        }
        let runner = runner?;
        let holder = client.map(|client| Holder::new(client, hold).map(Arc::new)).transpose()?;
        Ok(BackgroundLayer::of(Shared { runner, when_full, request_id, holder }))
    }
}

impl std::fmt::Debug for BackgroundLayerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("BackgroundLayerBuilder");
        out.field("client", &self.client).field("when_full", &self.when_full);
        out.field("request_id", &self.request_id).field("hold", &self.hold).finish_non_exhaustive()
    }
}
