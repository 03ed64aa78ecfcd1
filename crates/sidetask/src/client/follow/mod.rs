//! What becomes of jobs, whichever process does it.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use sidetask_core::{Error, Filter, JobId, JobRecord, State};

use super::Client;

mod known;
mod look;

use look::Looking;

impl Client {
    /// Tells what becomes of the jobs that pass a filter, whichever process does it, from when it is first polled on.
    ///
    /// It looks at the store when this process hears of a change, four times a second at most, and each second whether or
    /// not anything was heard. What happens to a job between two looks is told as one step, the last. So it costs little
    /// however much happens, and works with every store and across processes.
    ///
    /// Each look sees:
    /// - of the jobs of which this process heard something since, the 500 newest;
    /// - once a second, and when another process was heard to change something: the 1,000 newest of those that were seen to
    ///   pass and have not ended, and the 250 newest that pass, of the 2,000 newest at most where the store has to look
    ///   through them. More where that many are new since the last look.
    ///
    /// Memory is needed for 1,000 jobs without their arguments and outputs, and for those of one look.
    ///
    /// ```
    /// # async fn example(client: sidetask::Client) -> Result<(), sidetask::Error> {
    /// use sidetask::Filter;
    ///
    /// let mut following = client.follow(Filter::parse("queue:mail -state:completed")?).recent(10);
    /// while let Some(seen) = following.next().await {
    ///     let seen = seen?;
    ///     println!("{} {:?}", seen.id, seen.step);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn follow(&self, filter: Filter) -> Following {
        let state = match self.0.backend.store("follow jobs") {
            Ok(store) => Follows::New(Box::new(Looking::new(store, filter))),
            Err(error) => Follows::Never(error),
        };
        Following { seen: VecDeque::new(), state }
    }
}

/// What becomes of jobs; made by [`Client::follow`]. Ends when the store is closed. An error of the store does not end it:
/// it looks again about a second later, and misses no job's last step by it.
///
/// It is a [`Stream`]; [`next`](Self::next) serves those who have no other use for stream libraries.
#[must_use = "a stream does nothing until it is polled"]
pub struct Following {
    seen: VecDeque<Seen>,
    state: Follows,
}

enum Follows {
    New(Box<Looking>),
    On(Look),
    Never(Error),
    Over,
}

type Look = Pin<Box<dyn Future<Output = Option<(Result<Vec<Seen>, Error>, Box<Looking>)>> + Send>>;

impl Following {
    /// Has it begin with the newest jobs that pass, the oldest of them first, as they are: at most so many, and at most
    /// 1,000. Default: 0, so that only what changes is told.
    pub fn recent(mut self, jobs: usize) -> Self {
        if let Follows::New(looking) = &mut self.state {
            looking.begins_with(jobs);
        }
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

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return Poll::Ready(Some(Ok(seen)));
            }
            self.state = match std::mem::replace(&mut self.state, Follows::Over) {
                Follows::New(looking) => Follows::On(Box::pin(looking.next())),
                Follows::On(mut look) => {
                    let Poll::Ready(looked) = look.as_mut().poll(cx) else {
                        self.state = Follows::On(look);
                        return Poll::Pending;
                    };
                    let Some((seen, looking)) = looked else { return Poll::Ready(None) };
                    self.state = Follows::On(Box::pin(looking.next()));
                    match seen {
                        Ok(seen) => self.seen.extend(seen),
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                    continue;
                }
                Follows::Never(error) => return Poll::Ready(Some(Err(error))),
                Follows::Over => return Poll::Ready(None),
            };
        }
    }
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following").field("ended", &matches!(self.state, Follows::Over)).finish_non_exhaustive()
    }
}

/// A job to which something happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// The job.
    pub id: JobId,
    /// What happened to it; of several things since the last look, the last.
    pub step: Step,
    /// The job as it is now; `None` where it is gone.
    pub record: Option<JobRecord>,
    /// Whether it passes the filter now. One that no longer does, for what happened to it, is told of this once.
    pub passes: bool,
}

/// What happened to a job, as far as two looks at it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Nothing: it was there when following began, see [`Following::recent`].
    Found,
    /// It was stored.
    Enqueued,
    /// It waits for a worker now: its time came, it was let into its lane, or another process retried it by hand.
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
