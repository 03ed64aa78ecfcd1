use std::sync::Arc;

use sidetask_core::{Clock, Dispatch, Enqueued, Error, Events, JobId, JobRecord, NewJob, Store};

/// What stands behind a [`Client`](crate::Client).
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a client keeps jobs or sends them")]
pub enum Backend {
    /// Keeps jobs, which workers claim.
    Store(Arc<dyn Store>),
    /// Sends jobs to where others run them.
    Dispatch(Arc<dyn Dispatch>),
}

impl Backend {
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::Store(store) => store.clock(),
            Self::Dispatch(dispatch) => dispatch.clock(),
        }
    }

    /// Stores all or none; sends each by itself. As many answers as jobs.
    pub(super) async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Result<Enqueued, Error>>, Error> {
        let count = jobs.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut answers: Vec<_> = match self {
            Self::Store(store) => store.enqueue(jobs).await?.into_iter().map(Ok).collect(),
            Self::Dispatch(dispatch) => dispatch.send(jobs).await,
        };
        answers.resize_with(count, || Err(unanswered()));
        Ok(answers)
    }

    pub(super) async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        match self {
            Self::Store(store) => store.jobs(ids).await,
            Self::Dispatch(dispatch) => dispatch.jobs(ids).await,
        }
    }

    /// What changes from now on, where that can be heard.
    pub(super) fn listen(&self) -> Option<Events> {
        match self {
            Self::Store(store) => Some(store.listen()),
            Self::Dispatch(_) => None,
        }
    }

    pub(super) async fn close(&self) -> Result<(), Error> {
        match self {
            Self::Store(store) => store.close().await,
            Self::Dispatch(dispatch) => dispatch.close().await,
        }
    }

    /// The store, for what only one that keeps jobs can do.
    pub(super) fn store(&self, to: &str) -> Result<&Arc<dyn Store>, Error> {
        match self {
            Self::Store(store) => Ok(store),
            Self::Dispatch(_) => Err(Error::unsupported(format!(
                "this client only sends jobs and cannot {to}: the service that runs them has no such request; use a \
                 client of a store, such as `sqlite:`, where this is needed"
            ))),
        }
    }
}

pub(super) fn unanswered() -> Error {
    Error::storage("fewer jobs were answered for than were given", "an answer is missing")
}

impl From<Arc<dyn Store>> for Backend {
    fn from(store: Arc<dyn Store>) -> Self {
        Self::Store(store)
    }
}

impl From<Arc<dyn Dispatch>> for Backend {
    fn from(dispatch: Arc<dyn Dispatch>) -> Self {
        Self::Dispatch(dispatch)
    }
}
