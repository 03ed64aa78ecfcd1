use std::env;
use std::sync::Arc;
use std::time::Duration;

use sidetask::core::IdSource;
use sidetask::{BlockingPool, Error, Executor, ExecutorBuilder, Registry, StateMap};

#[cfg(feature = "dynamodb")]
use super::table::Table;
use super::{Handler, Inner};
#[cfg(feature = "dynamodb")]
use crate::Destination;
#[cfg(feature = "s3")]
use crate::payload::Payloads;
#[cfg(feature = "dynamodb")]
use crate::responses::{Responses, STORED_OUTPUT_LIMIT};
#[cfg(feature = "__sdk")]
use crate::sdk::{Credentials, Sdk, Settings};
#[cfg(feature = "dynamodb")]
use crate::zappa;

/// Settings of a [`Handler`].
#[derive(Debug)]
#[must_use = "settings do nothing until `build` is called"]
pub struct HandlerBuilder {
    executor: ExecutorBuilder,
    max_output_bytes: usize,
    #[cfg(feature = "dynamodb")]
    responses: Option<String>,
    #[cfg(feature = "dynamodb")]
    ttl: Duration,
    #[cfg(feature = "s3")]
    payloads: Option<String>,
    event_attempts: Option<u32>,
    queue_attempts: Option<u32>,
    margin: Duration,
    concurrency: usize,
    #[cfg(feature = "__sdk")]
    settings: Settings,
}

impl HandlerBuilder {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            executor: Executor::builder(registry),
            max_output_bytes: 5_000_000,
            #[cfg(feature = "dynamodb")]
            responses: None,
            #[cfg(feature = "dynamodb")]
            ttl: Destination::DEFAULT_TTL,
            #[cfg(feature = "s3")]
            payloads: None,
            event_attempts: None,
            queue_attempts: None,
            margin: Duration::from_millis(500),
            concurrency: 10,
            #[cfg(feature = "__sdk")]
            settings: Settings::default(),
        }
    }

    /// Gives a value to the tasks that take one of its type as `#[state]`, in place of an earlier one of the same type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.executor = self.executor.state(value);
        self
    }

    /// Gives all these values, in place of those given so far.
    pub fn states(mut self, states: StateMap) -> Self {
        self.executor = self.executor.states(states);
        self
    }

    /// The threads for functions that are plain and name no pool. Default: [`BlockingPool::shared`].
    pub fn pool(mut self, pool: impl Into<BlockingPool>) -> Self {
        self.executor = self.executor.pool(pool);
        self
    }

    /// The table that responses are kept in. Default: what the environment variable `SIDETASK_RESPONSES` names, else
    /// none; a message that wants a response is then given back to the service, and its function not run.
    ///
    /// Responses that Zappa captures go to the table that the environment variable `ASYNC_RESPONSE_TABLE` names, else to
    /// this one.
    #[cfg(feature = "dynamodb")]
    pub fn responses(mut self, table: impl Into<String>) -> Self {
        self.responses = Some(table.into());
        self
    }

    /// How long a response is kept after its last change, at least a second. While a function runs, its response is kept
    /// on. Default: a day.
    #[cfg(feature = "dynamodb")]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// The bucket that large arguments come from and large outputs go to. Default: what the environment variable
    /// `SIDETASK_PAYLOADS` names, else none.
    #[cfg(feature = "s3")]
    pub fn payloads(mut self, bucket: impl Into<String>) -> Self {
        self.payloads = Some(bucket.into());
        self
    }

    /// How often Lambda tries an event that it was given directly or by SNS, the first time included; at least 1. It has
    /// to say what the function's asynchronous invocation is configured to: a failure of the last of them is recorded as
    /// the job's end. Default: the environment variable `SIDETASK_EVENT_ATTEMPTS`, else 3, which is Lambda's default.
    pub fn event_attempts(mut self, attempts: u32) -> Self {
        self.event_attempts = Some(attempts);
        self
    }

    /// How often SQS delivers a message before it goes to the dead-letter queue, the queue's `maxReceiveCount`; at least
    /// 1. Default: the environment variable `SIDETASK_QUEUE_ATTEMPTS`, else without a limit.
    pub fn queue_attempts(mut self, attempts: u32) -> Self {
        self.queue_attempts = Some(attempts);
        self
    }

    /// The largest output that the function answers with, in bytes of JSON; at least 1. Where the response is kept, a
    /// larger one is left out of the answer, up to what the table and the bucket take; where nothing keeps it, it fails
    /// the job for good. Lambda takes no answer over 6 MB, and would run the job again. Default: 5,000,000.
    pub fn max_output_bytes(mut self, bytes: usize) -> Self {
        self.max_output_bytes = bytes;
        self
    }

    /// How long before the end of the invocation a function is stopped, so that what became of it can still be recorded:
    /// this, or 5 % of the time that is left where that is less. Zero leaves no time. Default: 500 ms.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// How many messages of one event are run at once; at least 1. Default: 10.
    pub fn concurrency(mut self, messages: usize) -> Self {
        self.concurrency = messages;
        self
    }

    /// The endpoint of all services, in place of AWS's own. Default: as the environment says (`AWS_ENDPOINT_URL`).
    #[cfg(feature = "__sdk")]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint = Some(url.into());
        self
    }

    /// The region of the table and the bucket. Default: as the environment says, the function's own.
    #[cfg(feature = "__sdk")]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = Some(region.into());
        self
    }

    /// Keys to sign requests with. Default: as the environment says, the function's role.
    #[cfg(feature = "__sdk")]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.settings.credentials = Some(credentials);
        self
    }

    /// The handler. Nothing is asked of AWS. Tasks with a rate limit, which no handler heeds, are named in the log.
    ///
    /// # Errors
    /// - [`is_configuration`](Error::is_configuration) names every fault of the settings, or of the registered tasks;
    /// - [`is_missing_state`](Error::is_missing_state) names a task and the type of the `#[state]` value that it lacks.
    pub fn build(self) -> Result<Handler, Error> {
        let mut faults = Vec::new();
        let event_attempts = attempts("SIDETASK_EVENT_ATTEMPTS", self.event_attempts, &mut faults);
        let queue_attempts = attempts("SIDETASK_QUEUE_ATTEMPTS", self.queue_attempts, &mut faults);
        if self.concurrency == 0 {
            faults.push("concurrency is 0: no message would run".to_owned());
        }
        if self.max_output_bytes == 0 {
            faults.push("max_output_bytes is 0: no output has 0 bytes".to_owned());
        }
        #[cfg(feature = "dynamodb")]
        if self.ttl < Duration::from_secs(1) {
            faults.push(format!("ttl is {:?}: it must be at least a second", self.ttl));
        }
        if !faults.is_empty() {
            return Err(Error::configuration(&faults));
        }
        let max_output_bytes = self.max_output_bytes;
        #[cfg(feature = "dynamodb")]
        let most = max_output_bytes.max(STORED_OUTPUT_LIMIT);
        #[cfg(not(feature = "dynamodb"))]
        let most = max_output_bytes;
        let executor = self.executor.max_output_bytes(most).build()?;
        let limited = rate_limited(executor.registry());
        if !limited.is_empty() {
            let tasks = limited.join("`, `");
            tracing::warn!("no rate limit holds in a Lambda function: `{tasks}` run as fast as they are delivered");
        }
        let ids = IdSource::new();
        let worker = ids.worker(executor.clock().now());
        #[cfg(feature = "__sdk")]
        let sdk = Sdk::new(self.settings);
        #[cfg(feature = "s3")]
        let payloads = set("SIDETASK_PAYLOADS", self.payloads).map(|bucket| Payloads::new(sdk.clone(), bucket));
        #[cfg(feature = "dynamodb")]
        let responses = set("SIDETASK_RESPONSES", self.responses);
        #[cfg(feature = "dynamodb")]
        let zappa_table = set("ASYNC_RESPONSE_TABLE", None).or_else(|| responses.clone());
        #[cfg(feature = "dynamodb")]
        let zappa_table = zappa_table.map(|name| zappa::Table::new(sdk.clone(), name));
        #[cfg(feature = "dynamodb")]
        let table = responses.map(|table| {
            #[cfg(feature = "s3")]
            let outputs = payloads.clone();
            #[cfg(not(feature = "s3"))]
            let outputs = None;
            let responses = Responses::new(sdk.clone(), table, self.ttl, outputs);
            Arc::new(Table { responses, ttl: self.ttl }) as _
        });
        #[cfg(not(feature = "dynamodb"))]
        let table = None;
        Ok(Handler(Arc::new(Inner {
            executor,
            max_output_bytes,
            event_attempts: event_attempts.unwrap_or(3),
            queue_attempts: queue_attempts.unwrap_or(u32::MAX),
            margin: self.margin,
            concurrency: self.concurrency,
            ids,
            worker,
            table,
            #[cfg(feature = "dynamodb")]
            zappa_table,
            #[cfg(feature = "s3")]
            payloads,
            #[cfg(feature = "sqs")]
            sdk,
        })))
    }
}

fn rate_limited(registry: &Registry) -> Vec<&str> {
    let limited = registry.iter().filter(|definition| definition.options().rate_limit.is_some());
    limited.map(|definition| definition.kind()).collect()
}

/// The setting, or the environment's, which is not set where it is empty.
#[cfg(any(feature = "dynamodb", feature = "s3"))]
fn set(variable: &str, set: Option<String>) -> Option<String> {
    set.or_else(|| env::var(variable).ok().filter(|text| !text.is_empty()))
}

/// The setting, or the environment's.
fn attempts(variable: &str, set: Option<u32>, faults: &mut Vec<String>) -> Option<u32> {
    match set {
        Some(0) => faults.push(format!("{variable}, or the setting in its place, is 0: it must be at least 1")),
        Some(_) => return set,
        None => {
            let text = env::var(variable).ok().filter(|text| !text.is_empty())?;
            match text.parse() {
                Ok(attempts @ 1..) => return Some(attempts),
                _ => faults.push(format!("{variable} is `{text}`: it must be a number from 1 on")),
            }
        }
    }
    None
}
