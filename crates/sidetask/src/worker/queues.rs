//! A worker's places, by queue, and which queues are worth asking.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

use sidetask_core::{Permit, Want};
use tokio::sync::{Notify, Semaphore};

#[derive(Debug)]
pub(super) struct Queues {
    queues: Vec<Queue>,
    /// Something may be there for any queue.
    look_everywhere: AtomicBool,
    /// A queue has become worth asking, or one that is has free places.
    pub(super) wake: Notify,
}

#[derive(Debug)]
struct Queue {
    name: String,
    concurrency: usize,
    places: Arc<Semaphore>,
    /// Jobs may be available. Cleared before a claim is sent, so that what is heard meanwhile sets it again.
    promising: AtomicBool,
    /// How many places are held by jobs that wait for a permit.
    waiting: AtomicUsize,
}

/// The free places of one queue, taken for a claim.
#[derive(Debug)]
pub(super) struct Taken {
    queue: usize,
    asked: usize,
    permits: Vec<Permit>,
}

impl Queues {
    pub(super) fn new(queues: &[(String, usize)]) -> Arc<Self> {
        let queue = |(name, concurrency): &(String, usize)| Queue {
            name: name.clone(),
            concurrency: *concurrency,
            places: Arc::new(Semaphore::new(*concurrency)),
            promising: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        };
        let queues = queues.iter().map(queue).collect();
        Arc::new(Self { queues, look_everywhere: AtomicBool::new(false), wake: Notify::new() })
    }

    /// The places, to be lent to a store.
    pub(super) fn places(&self) -> HashMap<String, Arc<Semaphore>> {
        self.queues.iter().map(|queue| (queue.name.clone(), Arc::clone(&queue.places))).collect()
    }

    /// Every queue with its concurrency.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.queues.iter().map(|queue| (&*queue.name, queue.concurrency))
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.queues.iter().position(|queue| queue.name == name)
    }

    /// Jobs are available in a queue.
    pub(super) fn heard_of(&self, name: &str) {
        if let Some(at) = self.find(name) {
            self.queues[at].promising.store(true, Ordering::SeqCst);
            self.wake.notify_one();
        }
    }

    /// Jobs may be available anywhere.
    pub(super) fn look_everywhere(&self) {
        self.look_everywhere.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Whether jobs are known to be available.
    pub(super) fn is_any_promising(&self) -> bool {
        self.queues.iter().any(|queue| queue.promising.load(Ordering::SeqCst))
    }

    /// Takes the free places of the queues that are worth asking.
    pub(super) fn take(&self) -> Vec<Taken> {
        if self.look_everywhere.swap(false, Ordering::SeqCst) {
            self.queues.iter().for_each(|queue| queue.promising.store(true, Ordering::SeqCst));
        }
        // Whoever frees a place looks at the flag after it; here the flag is set before places are looked for. So one of
        // the two sees the other.
        fence(Ordering::SeqCst);
        let take = |(at, queue): (usize, &Queue)| {
            if !queue.promising.load(Ordering::SeqCst) {
                return None;
            }
            let permits = Permit::take(&queue.places, queue.concurrency);
            if permits.is_empty() {
                return None;
            }
            queue.promising.store(false, Ordering::SeqCst);
            Some(Taken { queue: at, asked: permits.len(), permits })
        };
        self.queues.iter().enumerate().filter_map(take).collect()
    }

    /// Says that a queue, asked for jobs, may have more of them.
    pub(super) fn ask_again(&self, taken: &Taken) {
        self.queues[taken.queue].promising.store(true, Ordering::SeqCst);
    }

    fn freed(&self, queue: usize) {
        fence(Ordering::SeqCst);
        if self.queues[queue].promising.load(Ordering::SeqCst) || self.look_everywhere.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }
}

impl Taken {
    pub(super) fn want(&self, queues: &Queues) -> Want {
        Want { queue: queues.queues[self.queue].name.clone(), limit: self.asked }
    }

    pub(super) fn is_of(&self, queues: &Queues, name: &str) -> bool {
        queues.queues[self.queue].name == name
    }

    pub(super) fn place(&mut self, queues: &Arc<Queues>) -> Option<Place> {
        Some(Place::new(queues, self.queue, self.permits.pop()?))
    }

    /// Whether as many jobs came as were asked for.
    pub(super) fn is_used_up(&self) -> bool {
        self.permits.is_empty()
    }
}

/// A place in a queue, held by one running job. Dropping it frees it and wakes whoever fills it again.
#[derive(Debug)]
pub(super) struct Place {
    queues: Arc<Queues>,
    pub(super) queue: usize,
    permit: Option<Permit>,
}

impl Place {
    pub(super) fn new(queues: &Arc<Queues>, queue: usize, permit: Permit) -> Self {
        Self { queues: Arc::clone(queues), queue, permit: Some(permit) }
    }
}

impl Place {
    /// Lets its job wait for a permit, where no more than half of the queue's places do, so that other kinds get theirs.
    /// A single place may wait.
    pub(super) fn wait(&self) -> Option<Waits> {
        let Queue { waiting, concurrency, .. } = &self.queues.queues[self.queue];
        let most = concurrency.div_ceil(2);
        let one_more = |waiting| (waiting < most).then_some(waiting + 1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Waits { queues: Arc::clone(&self.queues), queue: self.queue })
    }
}

/// A job waits for a permit in its place, until this is dropped.
#[derive(Debug)]
pub(super) struct Waits {
    queues: Arc<Queues>,
    queue: usize,
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.queues.queues[self.queue].waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.permit = None;
        self.queues.freed(self.queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_asked_only_while_it_is_promising_and_has_places() {
        let queues = Queues::new(&[("a".into(), 2), ("b".into(), 1)]);
        assert!(queues.take().is_empty());
        queues.heard_of("a");
        queues.heard_of("unknown");
        let mut taken = queues.take();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].want(&queues), Want { queue: "a".into(), limit: 2 });
        assert!(queues.take().is_empty(), "cleared by asking");

        let place = taken[0].place(&queues).unwrap();
        queues.ask_again(&taken[0]);
        drop(taken);
        assert_eq!(queues.take()[0].asked, 1, "one place is held");
        drop(place);
        queues.look_everywhere();
        assert_eq!(queues.take().iter().map(|taken| taken.asked).sum::<usize>(), 3);
    }
}
