use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use serde_json::Value;

mod function;
mod record;

pub use function::Function;
pub use record::{Outcome, Request, Run};

use crate::moto::Moto;

/// A stand-in for AWS Lambda: the Invoke API with its asynchronous queue, the Runtime API that handlers poll, and event
/// sources.
///
/// It is told which functions there are, and runs each in processes of its own, one event at a time in each, as Lambda
/// does. It also refuses, repeats and kills on demand, and tells what it has seen.
///
/// Everything that it has started ends when it is dropped. The methods that name a function panic where there is none
/// of that name.
#[derive(Debug)]
pub struct Lambda {
    endpoint: String,
}

impl Lambda {
    /// Starts one on a free port of 127.0.0.1, without functions.
    pub async fn start() -> Result<Self> {
        bail!("not there yet")
    }

    /// Its address, `http://127.0.0.1:PORT`: the value for `AWS_ENDPOINT_URL_LAMBDA`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Adds a function, or replaces the one of this name and forgets what was seen of that. Nothing is started before the
    /// first event.
    pub fn function(&self, _name: &str, _function: Function) {}

    /// The ARN of a function.
    pub fn arn(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Runs a function while the caller waits, and answers what it returned.
    ///
    /// Fails with Lambda's error object where the handler failed, took too long or died.
    pub async fn invoke(&self, _name: &str, _event: &Value) -> Result<Value> {
        bail!("not there yet")
    }

    /// Queues an event, and answers its request id. The text goes to the handler as it is, JSON or not.
    pub fn send_event(&self, _name: &str, text: impl Into<Bytes>) -> String {
        drop(text.into());
        String::new()
    }

    /// Makes every message to a topic an event of the function, in the form that SNS gives them. A message is queued when
    /// the call that publishes it returns.
    pub async fn subscribe(&self, _name: &str, _moto: &Moto, _topic: &str) -> Result<()> {
        bail!("not there yet")
    }

    /// Makes messages of a queue events of the function, up to `batch_size` (1 to 10) in one, in the form that SQS gives
    /// them, until `self` is dropped.
    ///
    /// Messages are deleted when the function returns, save those that it names in `batchItemFailures`
    /// (`ReportBatchItemFailures`). None is deleted where it fails, or where its answer is not of that form. What is
    /// kept comes again when its visibility timeout is over. One batch runs at a time.
    pub async fn poll_queue(&self, _name: &str, _moto: &Moto, _queue_url: &str, _batch_size: usize) -> Result<()> {
        bail!("not there yet")
    }

    /// Answers the next `requests` with this status and error, `(503, "ServiceException")` for instance or
    /// `(429, "TooManyRequestsException")`. They are recorded, and nothing runs.
    pub fn refuse_next(&self, _requests: usize, _status: u16, _error_type: &str) {}

    /// Answers Invoke requests no sooner than this after they have come: 0, unless set here.
    pub fn answer_after(&self, _delay: Duration) {}

    /// Queues every event of the function twice from now on, under one request id: the runs may overlap. It is what
    /// Lambda's queue may do, being at-least-once.
    pub fn deliver_twice(&self, _name: &str, _twice: bool) {}

    /// Kills all processes of the function (SIGKILL), and answers how many there were. What they were running has failed,
    /// and new ones are started when there is an event.
    pub fn kill_environments(&self, _name: &str) -> usize {
        0
    }

    /// Waits until nothing is queued, running or about to be retried, up to a minute.
    ///
    /// Fails when that is over. Messages that still are in a queue are not counted.
    pub async fn settled(&self, _name: &str) -> Result<()> {
        bail!("not there yet")
    }

    /// The Invoke requests for the function, in the order of their answers.
    pub fn requests(&self, _name: &str) -> Vec<Request> {
        Vec::new()
    }

    /// The most Invoke requests for the function that were under way at one time.
    pub fn most_in_flight(&self, _name: &str) -> usize {
        0
    }

    /// All runs, in the order of their ends.
    pub fn runs(&self, _name: &str) -> Vec<Run> {
        Vec::new()
    }

    /// The events that failed in all of their runs.
    pub fn dead_letters(&self, _name: &str) -> Vec<Bytes> {
        Vec::new()
    }

    /// What the function's environments wrote on standard output and error.
    pub fn logs(&self, _name: &str) -> String {
        String::new()
    }
}
