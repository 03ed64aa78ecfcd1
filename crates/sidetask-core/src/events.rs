use std::sync::Arc;

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
    /// Something changed that nobody described: another process wrote, or events were lost. Look at whatever matters.
    Changed,
}

/// Hands events of one store to everybody in this process who listens.
#[derive(Clone, Debug)]
pub struct Publisher(broadcast::Sender<Arc<[Event]>>);

impl Publisher {
    /// How many batches a slow listener may fall behind before it gets a [`Event::Changed`] in their place.
    pub const BACKLOG: usize = 1024;

    /// A publisher to which nobody listens yet.
    pub fn new() -> Self {
        Self(broadcast::channel(Self::BACKLOG).0)
    }

    /// Whether nobody listens, so that events need not be made.
    pub fn is_idle(&self) -> bool {
        self.0.receiver_count() == 0
    }

    /// Hands out what one commit changed.
    pub fn publish(&self, events: Vec<Event>) {
        if !events.is_empty() {
            // An error here says only that nobody listens.
            let _ = self.0.send(events.into());
        }
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> Events {
        Events(self.0.subscribe())
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
        drop(publisher);
        while let Some(batch) = events.next().await {
            assert_eq!(*batch, [Event::Scheduled]);
        }
    }
}
