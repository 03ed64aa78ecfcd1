use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use tokio::sync::broadcast;

use crate::{JobId, State, Token, WorkerId};

/// What changed in a store: what others wait for, which every listener hears, and each step in the life of a job, which
/// only those hear who [ask for it](Events::in_detail).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Jobs wait for a worker in this queue.
    Available {
        /// The queue.
        queue: Arc<str>,
    },
    /// A job ended.
    Finished {
        /// The job.
        id: JobId,
        /// The state that it ended in.
        state: State,
    },
    /// An attempt reported progress.
    Progress {
        /// The job.
        id: JobId,
    },
    /// A running attempt is asked to stop.
    CancelRequested {
        /// The job.
        id: JobId,
    },
    /// A job or a queue was put off: something is due at another time than before.
    Scheduled,
    /// Jobs ended or reported progress in another process, or were deleted. Whoever waits for any should look.
    Settled,
    /// In detail: a job was stored.
    Enqueued {
        /// The job.
        id: JobId,
        /// Its kind.
        kind: Arc<str>,
        /// Its queue.
        queue: Arc<str>,
        /// The state that it is in.
        state: State,
    },
    /// In detail: a worker has a job, by a claim or a hand-off.
    Claimed {
        /// The job, the attempt and the worker.
        token: Token,
    },
    /// In detail: a worker of this process begins an attempt, which has its place and the permit of its kind's rate limit. A
    /// function that blocks may still wait for a thread.
    Started {
        /// The job, the attempt and the worker.
        token: Token,
    },
    /// In detail: an attempt was reported, and its job waits in this state: it failed, was snoozed or given back.
    Returned {
        /// The job.
        id: JobId,
        /// The state that it waits in.
        state: State,
    },
    /// In detail: a job was taken back from a worker whose lease expired.
    Rescued {
        /// The job.
        id: JobId,
        /// The state that it is in now.
        state: State,
        /// The worker that had it.
        worker: Option<WorkerId>,
    },
    /// In detail: a job was changed by hand and is in this state now; `None` where it was deleted. A change that leaves the
    /// job as it is makes none.
    ByHand {
        /// The job.
        id: JobId,
        /// Its state.
        state: Option<State>,
    },
    /// In detail: claims from a queue are held back, or go on.
    Paused {
        /// The queue.
        queue: Arc<str>,
        /// Whether they are held back.
        paused: bool,
    },
    /// Something changed that nobody described: another process wrote, or events were lost. Look at whatever matters.
    Changed,
}

/// Hands events of one store to everybody in this process who listens. Cheap to clone; all clones are one publisher.
#[derive(Clone, Debug)]
pub struct Publisher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sender: RwLock<Option<Sender>>,
    /// How many want each step.
    detailed: AtomicUsize,
}

type Sender = broadcast::Sender<Arc<[Event]>>;

impl Publisher {
    /// How many batches a slow listener may fall behind before it gets a [`Event::Changed`] in their place.
    pub const BACKLOG: usize = 1024;

    /// A publisher to which nobody listens yet.
    pub fn new() -> Self {
        let sender = RwLock::new(Some(broadcast::channel(Self::BACKLOG).0));
        Self(Arc::new(Shared { sender, detailed: AtomicUsize::new(0) }))
    }

    /// Whether nobody listens, so that events need not be made.
    pub fn is_idle(&self) -> bool {
        let sender = self.0.sender.read().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().is_none_or(|sender| sender.receiver_count() == 0)
    }

    /// Whether somebody wants each step in the life of jobs, so that such events have to be made.
    pub fn is_detailed(&self) -> bool {
        self.0.detailed.load(Ordering::Relaxed) > 0
    }

    /// Hands out what one commit changed.
    pub fn publish(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if let Some(sender) = &*self.0.sender.read().unwrap_or_else(PoisonError::into_inner) {
            // An error here says only that nobody listens any more.
            let _ = sender.send(events.into());
        }
    }

    /// Listens from now on. A closed publisher has nothing to say.
    pub fn subscribe(&self) -> Events {
        match &*self.0.sender.read().unwrap_or_else(PoisonError::into_inner) {
            Some(sender) => Events::new(sender.subscribe(), &self.0),
            None => Events::new(broadcast::channel(1).1, &self.0),
        }
    }

    /// Ends the events of everybody who listens, once they have heard what was published before.
    pub fn close(&self) {
        *self.0.sender.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}

/// One listener's view of a store's events.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Arc<[Event]>>,
    /// Not held, since a publisher that is dropped ends its events.
    publisher: Weak<Shared>,
    in_detail: bool,
}

impl Events {
    fn new(receiver: broadcast::Receiver<Arc<[Event]>>, publisher: &Arc<Shared>) -> Self {
        Self { receiver, publisher: Arc::downgrade(publisher), in_detail: false }
    }

    /// Has the store tell of each step in the life of jobs from now on, for as long as this lives. Other listeners may then
    /// hear of them as well.
    #[must_use]
    pub fn in_detail(mut self) -> Self {
        if !std::mem::replace(&mut self.in_detail, true)
            && let Some(publisher) = self.publisher.upgrade()
        {
            publisher.detailed.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    /// Who tells of them, for what others have to say to the same listeners. One to whom nobody listens where the store is
    /// gone.
    pub fn publisher(&self) -> Publisher {
        self.publisher.upgrade().map_or_else(Publisher::new, Publisher)
    }

    /// The next batch, never empty; `None` once the store is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Arc<[Event]>> {
        match self.receiver.recv().await {
            Ok(events) => Some(events),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Arc::new([Event::Changed])),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if self.in_detail
            && let Some(publisher) = self.publisher.upgrade()
        {
            publisher.detailed.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_that_falls_behind_is_told_to_look_again() {
        let publisher = Publisher::new();
        let mut events = publisher.subscribe();
        for _ in 0..=Publisher::BACKLOG {
            publisher.publish(vec![Event::Scheduled]);
        }
        assert_eq!(*events.next().await.unwrap(), [Event::Changed]);
        publisher.close();
        publisher.publish(vec![Event::Changed]);
        while let Some(batch) = events.next().await {
            assert_eq!(*batch, [Event::Scheduled]);
        }
        assert!(publisher.subscribe().next().await.is_none());
    }

    #[tokio::test]
    async fn details_are_wanted_for_as_long_as_somebody_listens_for_them() {
        let publisher = Publisher::new();
        let mut events = publisher.subscribe();
        assert!(!publisher.is_detailed());
        let detailed = [publisher.subscribe().in_detail().in_detail(), publisher.subscribe().in_detail()];
        events.publisher().publish(vec![Event::Scheduled]);
        assert_eq!(*events.next().await.unwrap(), [Event::Scheduled]);
        assert!(events.publisher().is_detailed());
        drop(detailed);
        assert!(!publisher.is_detailed());
        drop(publisher);
        assert!(events.next().await.is_none(), "a listener does not keep the publisher");
        assert!(events.publisher().is_idle());
    }
}
