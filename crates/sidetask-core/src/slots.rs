use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::{Claimed, Kinds, WorkerId};

/// A worker's free places, lent to the store of the same process: where a queue has no backlog, the store may give a
/// new job straight to a free slot, and writes the job already claimed.
///
/// The worker draws on the same slots for the jobs that it claims itself, so the two never overbook it.
#[derive(Clone)]
pub struct Slots(Arc<Inner>);

struct Inner {
    worker: WorkerId,
    kinds: Kinds,
    queues: HashMap<String, Arc<Semaphore>>,
    handed: Mutex<Option<mpsc::UnboundedSender<Handed>>>,
}

impl Slots {
    /// Slots for `worker`, and the receiver of the jobs that a store put into them. It ends after [`Slots::close`], when
    /// the last reserved slot is filled or dropped.
    pub fn new(
        worker: WorkerId,
        kinds: Kinds,
        queues: HashMap<String, Arc<Semaphore>>,
    ) -> (Self, mpsc::UnboundedReceiver<Handed>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let handed = Mutex::new(Some(sender));
        (Self(Arc::new(Inner { worker, kinds, queues, handed })), receiver)
    }

    /// The worker that lends them.
    pub fn worker(&self) -> WorkerId {
        self.0.worker
    }

    /// Whether the worker serves this queue at all.
    pub fn serves(&self, queue: &str) -> bool {
        self.0.queues.contains_key(queue)
    }

    /// Takes a free slot for a job of this kind in this queue, if there is one. Dropping it frees it again.
    pub fn reserve(&self, queue: &str, kind: &str) -> Option<Slot> {
        if !self.0.kinds.contains(kind) {
            return None;
        }
        let sender = self.lock().clone().filter(|sender| !sender.is_closed())?;
        let permit = Arc::clone(self.0.queues.get(queue)?).try_acquire_owned().ok()?;
        Some(Slot { sender, permit: Permit(permit) })
    }

    /// Takes the slots back: nothing can be reserved from now on.
    pub fn close(&self) {
        *self.lock() = None;
    }

    /// Whether they were taken back, or their worker is gone.
    pub fn is_closed(&self) -> bool {
        self.lock().as_ref().is_none_or(mpsc::UnboundedSender::is_closed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<mpsc::UnboundedSender<Handed>>> {
        self.0.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("worker", &self.0.worker).finish_non_exhaustive()
    }
}

/// The right to run one job; dropping it frees the place.
#[derive(Debug)]
pub struct Permit(OwnedSemaphorePermit);

impl Permit {
    /// Takes up to `most` free places of a queue, one permit each.
    pub fn take(places: &Arc<Semaphore>, most: usize) -> Vec<Self> {
        let take = || Arc::clone(places).try_acquire_owned().ok().map(Self);
        std::iter::from_fn(take).take(most).collect()
    }

    /// The queue's places, of which this is one.
    pub fn places(&self) -> &Arc<Semaphore> {
        self.0.semaphore()
    }
}

/// A reserved place for one job.
#[derive(Debug)]
#[must_use = "dropping a slot frees it"]
pub struct Slot {
    sender: mpsc::UnboundedSender<Handed>,
    permit: Permit,
}

impl Slot {
    /// Gives the job to the worker. Call it once the claim is committed, never before. Where the worker is gone
    /// already, its lease brings the job back.
    pub fn fill(self, job: Claimed) {
        let _ = self.sender.send(Handed { job, permit: self.permit });
    }
}

/// A job that a store put into a slot.
#[derive(Debug)]
#[non_exhaustive]
pub struct Handed {
    /// The job, claimed.
    pub job: Claimed,
    /// Its place.
    pub permit: Permit,
}
