#![doc = include_str!("../../docs/lambda.md")]

use std::sync::Arc;
use std::time::Duration;

use sidetask::core::IdSource;
use sidetask::{Error, Executor, Json, Registry, Timestamp, WorkerId};

mod attempt;
mod batch;
mod builder;
mod calls;
mod events;
mod follow;
mod keep;
mod runtime;
mod services;
#[cfg(feature = "dynamodb")]
mod table;
#[cfg(test)]
mod tests;
#[cfg(feature = "dynamodb")]
mod zappa_table;

pub use builder::HandlerBuilder;

use events::Event;
#[cfg(feature = "__fuzz")]
pub(crate) use events::fuzz::check as fuzz_event;
use keep::Keep;

/// Runs as a Lambda function: waits for events and runs the tasks that they name, until the environment is shut down.
/// All settings are the defaults and those of the environment; [`Handler::builder`] has the others.
///
/// # Errors
/// [`is_configuration`](Error::is_configuration) where this is not a Lambda environment, and that or
/// [`is_missing_state`](Error::is_missing_state) where the tasks cannot be used as they are.
pub async fn run(registry: Registry) -> Result<(), Error> {
    Handler::builder(registry).build()?.run().await
}

/// Runs the tasks that events name. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handler(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    executor: Executor,
    max_output_bytes: usize,
    event_attempts: u32,
    queue_attempts: u32,
    margin: Duration,
    concurrency: usize,
    ids: IdSource,
    /// Whoever holds jobs here.
    worker: WorkerId,
    table: Option<Arc<dyn Keep>>,
    #[cfg(feature = "dynamodb")]
    zappa_table: Option<crate::zappa::Table>,
    #[cfg(feature = "s3")]
    payloads: Option<crate::payload::Payloads>,
    #[cfg(feature = "sqs")]
    sdk: crate::sdk::Sdk,
}

/// What is known of the invocation that brings an event. Lambda's own are made by [`Handler::run`]; make one to
/// [handle](Handler::handle) events in a test.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invocation {
    /// The service's name for it: the same each time that it tries an event again.
    pub request_id: String,
    /// When the environment is stopped.
    pub deadline: Timestamp,
    /// The function's ARN, with the alias or version that was called.
    pub function_arn: String,
}

impl Invocation {
    /// An invocation that ends at `deadline`.
    pub fn new(request_id: impl Into<String>, function_arn: impl Into<String>, deadline: Timestamp) -> Self {
        Self { request_id: request_id.into(), deadline, function_arn: function_arn.into() }
    }
}

impl Handler {
    /// Settings of a handler for these functions.
    pub fn builder(registry: Registry) -> HandlerBuilder {
        HandlerBuilder::new(registry)
    }

    /// Handles one event, given as JSON text, and answers what the invocation returns. [The module](self) says what an
    /// event may be and what follows from it.
    ///
    /// When this returns, what became of each job is in the table of responses, where there is one.
    ///
    /// # Cancel safety
    /// Dropping the future drops async functions where they stand, tells those that block nothing, and records nothing:
    /// the event has to be handled again.
    ///
    /// # Errors
    /// One that makes the service try the event again:
    /// - [`is_failed`](Error::is_failed): an attempt failed and is to be repeated;
    /// - [`is_unknown_kind`](Error::is_unknown_kind), [`is_decode`](Error::is_decode), [`is_unusable`](Error::is_unusable):
    ///   nothing was run, since nobody here knows what;
    /// - [`is_configuration`](Error::is_configuration): nothing was run, since the job needs a table or a bucket;
    /// - [`is_busy`](Error::is_busy): another delivery of the job runs;
    /// - [`is_storage`](Error::is_storage), [`is_refused`](Error::is_refused): the table failed, before the attempt or after
    ///   it, which then runs again.
    pub async fn handle(&self, event: &str, invocation: Invocation) -> Result<Json, Error> {
        match events::read(event)? {
            Event::Direct(call) => self.direct(call, &invocation).await,
            Event::Topic(calls) => self.topic(calls, &invocation).await,
            Event::Queue(messages) => self.queue(messages, &invocation).await,
        }
    }

    /// Waits for events and handles them, until the environment is shut down. An environment gets one event at a time.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) where this is not a Lambda environment,
    /// [`is_storage`](Error::is_storage) where Lambda's runtime ends.
    pub async fn run(self) -> Result<(), Error> {
        runtime::run(self).await
    }
}
