use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::broadcast;

use crate::{JobId, State};

/// What changed in a store.
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
    /// Jobs ended or reported progress in another process. Whoever waits for any should look.
    Settled,
    /// Something changed that nobody described: another process wrote, or events were lost. Look at whatever matters.
    Changed,
}

/// Hands events of one store to everybody in this process who listens. Cheap to clone; all clones are one publisher.
#[derive(Clone, Debug)]
pub struct Publisher(Arc<RwLock<Option<Sender>>>);

type Sender = broadcast::Sender<Arc<[Event]>>;

impl Publisher {
    /// How many batches a slow listener may fall behind before it gets a [`Event::Changed`] in their place.
    pub const BACKLOG: usize = 1024;

    /// A publisher to which nobody listens yet.
    pub fn new() -> Self {
        Self(Arc::new(RwLock::new(Some(broadcast::channel(Self::BACKLOG).0))))
    }

    /// Whether nobody listens, so that events need not be made.
    pub fn is_idle(&self) -> bool {
        let sender = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().is_none_or(|sender| sender.receiver_count() == 0)
    }

    /// Hands out what one commit changed.
    pub fn publish(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if let Some(sender) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            // An error here says only that nobody listens any more.
            let _ = sender.send(events.into());
        }
    }

    /// Listens from now on. A closed publisher has nothing to say.
    pub fn subscribe(&self) -> Events {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Some(sender) => Events(sender.subscribe()),
            None => Events(broadcast::channel(1).1),
        }
    }

    /// Ends the events of everybody who listens, once they have heard what was published before.
    pub fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}

/// One listener's view of a store's events.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Arc<[Event]>>);

impl Events {
    /// The next batch, never empty; `None` once the store is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Arc<[Event]>> {
        match self.0.recv().await {
            Ok(events) => Some(events),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Arc::new([Event::Changed])),
            Err(broadcast::error::RecvError::Closed) => None,
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
}
