//! Sending jobs.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sidetask::core::{IdSource, NewJob};
use sidetask::{Backend, Clock, Dispatch, Enqueued, Error, JobId, JobRecord, Scheme, SystemClock};
use tokio::sync::{RwLock, Semaphore};

mod answers;
mod batch;
mod kept;
mod outgoing;
mod route;
mod send;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use answers::Answers;
use route::Defaults;
pub use settings::Aws;

use crate::destination::Destination;
use crate::payload::Payloads;
use crate::sdk::Sdk;

/// Sends jobs to Lambda, SNS or SQS, and reads what became of them from DynamoDB. Made by [`Aws::open`].
///
/// A job is accepted when AWS has accepted it; from then on it runs at least once, as AWS promises. Jobs given together
/// are sent in as few requests as they fit in, many requests at a time.
///
/// | | `lambda:` | `sns:` | `sqs:` |
/// |---|---|---|---|
/// | a request carries | 1 job | up to 10 | up to 10 |
/// | a message may have | 1,048,576 bytes | 262,144 bytes | 1,048,576 bytes |
/// | longest delay | none | none | 900 s; none for FIFO |
/// | [`key`](sidetask::Call::key) | with a table | with a table, or FIFO | with a table, or FIFO |
///
/// - **Larger arguments** go to the bucket, if there is one, and the message carries a reference.
/// - **FIFO** queues and topics keep the order of the jobs of one [`queue`](sidetask::Call::queue). Without a table they
///   also know a job by its kind and key, or else by its id, for five minutes: a duplicate is accepted and dropped, and
///   its id names no job.
/// - **With a table** a job is written there before it is sent, and taken out again where AWS refuses it.
/// - **Not heeded**: a call's [`priority`](sidetask::Call::priority), and a task's `backoff` and `rate_limit`, since the
///   service decides when a job runs.
///
/// # Cancel safety
/// Dropping the future of a call between the table's write and the request leaves the job `queued` in the table, and sent
/// to nobody, until its TTL is over; a call with the same key or id sends it again. Dropped during the request, the job
/// may have been sent or not.
#[derive(Clone)]
pub struct AwsDispatch(Arc<Inner>);

struct Inner {
    sdk: Sdk,
    defaults: Defaults,
    attempts: u32,
    concurrency: usize,
    requests: Semaphore,
    payloads: Option<Payloads>,
    #[cfg(feature = "dynamodb")]
    responses: Option<crate::responses::Responses>,
    #[cfg(feature = "sqs")]
    queue_urls: wire::Urls,
    clock: Arc<dyn Clock>,
    ids: IdSource,
    /// Held for reading while something is asked.
    closed: RwLock<bool>,
}

impl AwsDispatch {
    fn new(sdk: Sdk, destination: &Destination, defaults: Defaults, attempts: u32, concurrency: usize) -> Self {
        let payloads = destination.payloads.clone().map(|bucket| Payloads::new(sdk.clone(), bucket));
        #[cfg(feature = "dynamodb")]
        let responses = destination.responses.clone().map(|table| {
            let ttl = destination.ttl.unwrap_or(Destination::DEFAULT_TTL);
            crate::responses::Responses::new(sdk.clone(), table, ttl, payloads.clone())
        });
        Self(Arc::new(Inner {
            sdk,
            defaults,
            attempts,
            concurrency,
            requests: Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)),
            payloads,
            #[cfg(feature = "dynamodb")]
            responses,
            #[cfg(feature = "sqs")]
            queue_urls: wire::Urls::default(),
            clock: Arc::new(SystemClock),
            ids: IdSource::new(),
            closed: RwLock::new(false),
        }))
    }
}

#[async_trait]
impl Dispatch for AwsDispatch {
    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock.clone()
    }

    async fn send(&self, jobs: Vec<NewJob>) -> Vec<Result<Enqueued, Error>> {
        let closed = self.0.closed.read().await;
        if *closed {
            return closed_error().repeated(jobs.len()).into_iter().map(Err).collect();
        }
        self.0.send(jobs).await
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        let closed = self.0.closed.read().await;
        if *closed { Err(closed_error()) } else { self.0.jobs(ids).await }
    }

    async fn close(&self) -> Result<(), Error> {
        *self.0.closed.write().await = true;
        Ok(())
    }
}

fn closed_error() -> Error {
    Error::closed("AWS client")
}

impl fmt::Debug for AwsDispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsDispatch").field("defaults", &self.0.defaults).finish_non_exhaustive()
    }
}

#[cfg(feature = "lambda")]
sidetask::scheme!(Scheme::new("lambda", |url| Box::pin(open(url))));
#[cfg(feature = "sns")]
sidetask::scheme!(Scheme::new("sns", |url| Box::pin(open(url))));
#[cfg(feature = "sqs")]
sidetask::scheme!(Scheme::new("sqs", |url| Box::pin(open(url))));

async fn open(url: String) -> Result<Backend, Error> {
    Ok(Backend::Dispatch(Arc::new(Aws::from_url(&url)?.open()?)))
}
