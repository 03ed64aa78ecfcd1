use std::sync::Arc;

use async_trait::async_trait;

use crate::{Clock, Enqueued, Error, JobId, JobRecord, NewJob, ProgressUpdate, Verdict};

/// Sends jobs to a service that has them run elsewhere, and reads what became of them. The contract of every tier that
/// keeps no queue of its own: no worker claims from it.
///
/// # What an implementor owes
/// - **Durability.** A job that was answered `Ok` is the service's from then on, with what the service promises. One
///   that was answered with an error which [`is_storage`](Error::is_storage) may have been taken or not; after any other
///   error it was not.
/// - **Nothing is ignored.** What the service cannot do (a delay, an idempotency key) fails with
///   [`is_unsupported`](Error::is_unsupported) before anything is sent, and says what can do it. Only a priority and the
///   name of a queue may be passed over.
/// - **Destinations.** [`NewJob::to`] is the implementor's own language; it takes the place of its settings for that one
///   job.
/// - **Cancel safety.** Dropping a returned future leaves each job sent or not sent.
#[async_trait]
pub trait Dispatch: std::fmt::Debug + Send + Sync + 'static {
    /// The clock by which those who wait ask again.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Sends jobs, many in one request where the service can, and answers for each, in this order.
    async fn send(&self, jobs: Vec<NewJob>) -> Vec<Result<Enqueued, Error>>;

    /// Reads what is known of jobs; `None` for one that is not there (any more). Fails with
    /// [`is_unsupported`](Error::is_unsupported) where nothing is kept.
    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error>;

    /// Waits until what was begun is sent. Whatever is asked afterwards fails with [`is_closed`](Error::is_closed), save
    /// closing again.
    async fn close(&self) -> Result<(), Error>;
}

/// Takes down what a running attempt says of itself. Every [`Store`](crate::Store) does; others who run attempts give
/// their own to [`Context::of_delivery`](crate::Context::of_delivery).
#[async_trait]
pub trait Report: Send + Sync + 'static {
    /// Keeps the progress of one attempt, while that attempt holds its job.
    async fn progress(&self, update: ProgressUpdate) -> Result<Verdict, Error>;
}
