//! The Lambda function that runs tasks.

use std::time::Duration;

use sidetask::{Error, Registry, Timestamp};

/// Runs as a Lambda function: waits for events and runs the tasks that they name, until the environment is shut down.
///
/// # Errors
/// [`is_configuration`](Error::is_configuration) and [`is_missing_state`](Error::is_missing_state) where the tasks cannot
/// be used together.
pub async fn run(registry: Registry) -> Result<(), Error> {
    Handler::builder(registry).build()?.run().await
}

/// Runs the tasks that events name.
#[derive(Clone, Debug)]
pub struct Handler(());

/// Settings of a [`Handler`].
#[derive(Debug)]
#[must_use = "settings do nothing until `build` is called"]
pub struct HandlerBuilder {
    registry: Registry,
}

/// What is known of the invocation that brings an event.
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
    /// An invocation that ends after this long.
    pub fn new(request_id: impl Into<String>, function_arn: impl Into<String>, deadline: Timestamp) -> Self {
        Self { request_id: request_id.into(), deadline, function_arn: function_arn.into() }
    }
}

impl Handler {
    /// Settings of a handler for these functions.
    pub fn builder(registry: Registry) -> HandlerBuilder {
        HandlerBuilder { registry }
    }

    /// Handles one event, given as JSON text, and answers what the invocation returns.
    ///
    /// # Errors
    /// One that makes the service try the event again.
    pub async fn handle(&self, event: &str, invocation: Invocation) -> Result<sidetask::Json, Error> {
        let _ = (event, invocation);
        Err(Error::unsupported("not yet"))
    }

    /// Waits for events and handles them, until the environment is shut down.
    ///
    /// # Errors
    /// Those of Lambda's runtime.
    pub async fn run(self) -> Result<(), Error> {
        let _ = Duration::ZERO;
        Err(Error::unsupported("not yet"))
    }
}

impl HandlerBuilder {
    /// The handler.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration) and [`is_missing_state`](Error::is_missing_state).
    pub fn build(self) -> Result<Handler, Error> {
        let _ = self.registry;
        Ok(Handler(()))
    }
}
