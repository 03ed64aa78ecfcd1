use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use sidetask_core::{Error, JobId, JobRecord, Json, State};

use super::{Client, ProgressStream};

/// A handle to a stored job, whose output is a `T`. Dropping it changes nothing: the job goes its way.
///
/// Waiting costs one listener a client, however many wait; it hears of ends in this process at once, and of those in
/// other processes as soon as the store notices, at the latest after about a second. Where the client dispatches there is
/// nothing to hear: it asks at once, after 100 ms, and then after ever longer waits of up to about 5 s, until the job has
/// ended or nobody waits for it.
pub struct Job<T> {
    client: Client,
    id: JobId,
    existed: bool,
    output: PhantomData<fn() -> T>,
}

impl<T> Job<T> {
    pub(super) fn new(client: Client, id: JobId, existed: bool) -> Self {
        Self { client, id, existed, output: PhantomData }
    }

    /// Its id, to keep and to make a [`handle`](Client::handle) from.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Whether enqueueing found a job with the same id, or the same kind and key, which this is then. True of a
    /// [`handle`](Client::handle).
    pub fn existed(&self) -> bool {
        self.existed
    }

    /// What the store keeps of it now.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) where it was purged; [`is_unsupported`](Error::is_unsupported) where it was
    /// sent and nothing is kept of it; the store's own.
    pub async fn record(&self) -> Result<JobRecord, Error> {
        self.client.job(self.id).await?.ok_or_else(|| Error::no_such_job(self.id))
    }

    /// Waits until it has ended, however long its retries take, and answers what the store keeps of it then. Cancel safe.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found) where it was purged; [`is_unsupported`](Error::is_unsupported) where it was
    /// sent and nothing is kept of it; the store's own, after which waiting can begin again.
    pub async fn wait(&self) -> Result<JobRecord, Error> {
        let mut watch = self.client.0.hub.watch(self.id, false);
        loop {
            let record = watch.next().await?;
            if record.state.is_final() {
                return Ok(Arc::unwrap_or_clone(record));
            }
        }
    }

    /// Cancels it, see [`Client::cancel`].
    ///
    /// # Errors
    /// Those of [`Client::cancel`].
    pub async fn cancel(&self) -> Result<State, Error> {
        self.client.cancel(self.id).await
    }

    /// Makes it available now, see [`Client::retry`].
    ///
    /// # Errors
    /// Those of [`Client::retry`].
    pub async fn retry(&self) -> Result<State, Error> {
        self.client.retry(self.id).await
    }

    /// Sets when it is due, see [`Client::reschedule`].
    ///
    /// # Errors
    /// Those of [`Client::reschedule`].
    pub async fn reschedule(&self, wait: Duration) -> Result<State, Error> {
        self.client.reschedule(self.id, wait).await
    }

    /// Its progress: what was last reported, then each report as it comes, until the job has ended. Reports that follow
    /// each other faster than they are read are left out, the last one never.
    pub fn progress(&self) -> ProgressStream {
        ProgressStream::new(&self.client.0.hub, self.id)
    }
}

impl<T: DeserializeOwned> Job<T> {
    /// Waits until it has ended and answers its output. Cancel safe.
    ///
    /// # Errors
    /// - [`is_discarded`](Error::is_discarded) with the last attempt's error, [`is_cancelled`](Error::is_cancelled);
    /// - [`is_decode`](Error::is_decode) where the output is not a `T`;
    /// - those of [`wait`](Self::wait).
    pub async fn output(&self) -> Result<T, Error> {
        output_of(&self.wait().await?)
    }

    /// Its output, without waiting.
    ///
    /// # Errors
    /// [`is_not_finished`](Error::is_not_finished) where it has not ended; those of [`output`](Self::output).
    pub async fn try_output(&self) -> Result<T, Error> {
        output_of(&self.record().await?)
    }
}

fn output_of<T: DeserializeOwned>(job: &JobRecord) -> Result<T, Error> {
    match (job.state, &job.output) {
        (State::Completed, Some(output)) => output.decode(),
        (State::Completed, None) => Json::from_stored("null").decode(),
        (State::Cancelled, _) => Err(Error::cancelled(format_args!("job {}", job.id))),
        (State::Discarded, _) => {
            let last = job.errors.last().map_or("no error was recorded", |error| &error.message);
            Err(Error::discarded(job.id, last))
        }
        (state, _) => Err(Error::not_finished(job.id, state)),
    }
}

impl<T> Clone for Job<T> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone(), self.id, self.existed)
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).field("existed", &self.existed).finish_non_exhaustive()
    }
}
