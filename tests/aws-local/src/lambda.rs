use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

mod environment;
mod function;
mod guard;
mod invoke;
mod queue;
mod record;
mod runtime;
mod sources;

pub use function::Function;
pub use record::{Outcome, Request, Run};

pub(crate) use environment::clean;

use crate::moto::Moto;
use guard::Guard;
use invoke::{Refusals, Shared};
use queue::{Deployed, Event, locked};
use sources::Mapping;

/// A stand-in for AWS Lambda: the Invoke API with its asynchronous queue, the Runtime API that handlers poll, and event
/// sources.
///
/// It is told which functions there are, and runs each in processes of its own, one event at a time in each, as Lambda
/// does. It also refuses, repeats and kills on demand, and tells what it has seen.
///
/// Everything that it has started ends when it is dropped. Its methods are for code that runs in a tokio runtime, and
/// those that name a function panic where there is none of that name.
///
/// ```no_run
/// # use serde_json::json;
/// # use sidetask_aws_local::{Function, Lambda, Moto};
/// # async fn example() -> anyhow::Result<()> {
/// let (moto, lambda) = (Moto::shared().await?, Lambda::start().await?);
/// let handler = Function::program("target/debug/handler").endpoint(moto.endpoint());
/// lambda.function("mail", handler.env("AWS_ENDPOINT_URL_LAMBDA", lambda.endpoint()));
/// let request_id = lambda.send_event("mail", json!({ "to": "ada@example.com" }).to_string());
/// lambda.settled("mail").await?;
/// assert!(lambda.runs("mail").iter().all(|run| run.request_id == request_id), "{}", lambda.logs("mail"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Lambda {
    endpoint: String,
    shared: Arc<Shared>,
    guard: Arc<Guard>,
    server: JoinHandle<()>,
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.server.abort();
        for function in locked(&self.shared.functions).values() {
            function.abort();
        }
    }
}

impl Lambda {
    /// Starts one on a free port of 127.0.0.1, without functions.
    pub async fn start() -> Result<Self> {
        let guard = Arc::new(Guard::start()?);
        let shared = Arc::new(Shared::default());
        let app = invoke::router(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free for Lambda")?;
        let endpoint = format!("http://{}", listener.local_addr().context("Lambda has no port")?);
        let server = tokio::spawn(async move {
            // It fails only where the listener does, and the next request tells of that.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { endpoint, shared, guard, server })
    }

    /// Its address, `http://127.0.0.1:PORT`: the value for `AWS_ENDPOINT_URL_LAMBDA`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Adds a function, or replaces the one of this name and forgets what was seen of that. Nothing is started before the
    /// first event.
    pub fn function(&self, name: &str, function: Function) {
        let deployed = Deployed::new(name, function, Arc::clone(&self.guard));
        let replaced = locked(&self.shared.functions).insert(name.to_owned(), deployed);
        if let Some(replaced) = replaced {
            replaced.abort();
        }
    }

    /// The ARN of a function.
    pub fn arn(&self, name: &str) -> String {
        self.find(name).arn(None)
    }

    /// Runs a function while the caller waits, and answers what it returned.
    ///
    /// Fails with Lambda's error object where the handler failed, took too long or died.
    pub async fn invoke(&self, name: &str, event: &Value) -> Result<Value> {
        let function = self.find(name);
        let event = Event::new(event.to_string());
        let request_id = event.request_id.clone();
        let outcome = function.invoke(event).await;
        let result = outcome.into_result(&request_id, function.function.timeout);
        result.or_else(|error| bail!("the function `{name}` failed: {error}"))
    }

    /// Queues an event, and answers its request id. The text goes to the handler as it is, JSON or not.
    pub fn send_event(&self, name: &str, text: impl Into<Bytes>) -> String {
        let event = Event::new(text);
        self.find(name).queue(&event);
        event.request_id
    }

    /// Makes every message to a topic an event of the function, in the form that SNS gives them. A message is queued when
    /// the call that publishes it returns.
    pub async fn subscribe(&self, name: &str, moto: &Moto, topic: &str) -> Result<()> {
        self.find(name);
        let (url, key) = sources::address(&self.endpoint);
        let arn = moto.subscribe_http(topic, &url).await?;
        locked(&self.shared.subscriptions).insert(key, (name.to_owned(), arn));
        Ok(())
    }

    /// Makes messages of a queue events of the function, up to `batch_size` (1 to 10) in one, in the form that SQS gives
    /// them, until `self` is dropped.
    ///
    /// Messages are deleted when the function returns, save those that it names in `batchItemFailures`
    /// (`ReportBatchItemFailures`). None is deleted where it fails, or where its answer is not of that form. What is
    /// kept comes again when its visibility timeout is over. One batch runs at a time.
    pub async fn poll_queue(&self, name: &str, moto: &Moto, queue_url: &str, batch_size: usize) -> Result<()> {
        ensure!((1..=10).contains(&batch_size), "a batch has 1 to 10 messages, not {batch_size}");
        let function = self.find(name);
        let queue_arn = moto.queue_arn(queue_url).await?;
        let (api, queue_url) = (moto.api().clone(), queue_url.to_owned());
        let mapping = Mapping { function: Arc::clone(&function), api, queue_url, queue_arn, batch_size };
        function.spawn(mapping.poll());
        Ok(())
    }

    /// Answers the next `requests` with this status and error, `(503, "ServiceException")` for instance or
    /// `(429, "TooManyRequestsException")`. They are recorded, and nothing runs.
    pub fn refuse_next(&self, requests: usize, status: u16, error_type: &str) {
        *locked(&self.shared.refusals) = Refusals { left: requests, status, error_type: error_type.to_owned() };
    }

    /// Answers Invoke requests no sooner than this after they have come: 0, unless set here.
    pub fn answer_after(&self, delay: Duration) {
        *locked(&self.shared.answer_after) = delay;
    }

    /// Queues every event of the function twice from now on, under one request id: the runs may overlap. It is what
    /// Lambda's queue may do, being at-least-once.
    pub fn deliver_twice(&self, name: &str, twice: bool) {
        self.find(name).deliver_twice.store(twice, Ordering::Relaxed);
    }

    /// Kills all processes of the function (SIGKILL), and answers how many there were. What they were running has failed,
    /// and new ones are started when there is an event.
    pub fn kill_environments(&self, name: &str) -> usize {
        self.find(name).kill_processes()
    }

    /// Waits until nothing is queued, running or about to be retried, up to a minute.
    ///
    /// Fails when that is over. Messages that still are in a queue are not counted.
    pub async fn settled(&self, name: &str) -> Result<()> {
        self.find(name).settled().await
    }

    /// The Invoke requests for the function, in the order of their answers.
    pub fn requests(&self, name: &str) -> Vec<Request> {
        self.find(name).record().requests.clone()
    }

    /// The most Invoke requests for the function that were under way at one time.
    pub fn most_in_flight(&self, name: &str) -> usize {
        self.find(name).record().most_in_flight
    }

    /// All runs, in the order of their ends.
    pub fn runs(&self, name: &str) -> Vec<Run> {
        self.find(name).record().runs.clone()
    }

    /// The events that failed in all of their runs.
    pub fn dead_letters(&self, name: &str) -> Vec<Bytes> {
        self.find(name).record().dead_letters.clone()
    }

    /// What the function's environments wrote on standard output and error.
    pub fn logs(&self, name: &str) -> String {
        self.find(name).record().logs.clone()
    }

    fn find(&self, name: &str) -> Arc<Deployed> {
        self.shared.find(name).unwrap_or_else(|| panic!("there is no function `{name}`"))
    }
}
