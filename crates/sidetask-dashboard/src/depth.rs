//! How many jobs there were over the last hour. Stores do not keep that, so it is noted for as long as somebody looks.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use sidetask::{Counts, State, Timestamp};

use crate::shared::Shared;

/// How often it is noted, for how long it is kept, and for how long after the last look it is noted on.
const EVERY: Duration = Duration::from_secs(5);
const KEPT: usize = 60 * 60 / 5;
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Notes of how many jobs there were.
#[derive(Debug, Default)]
pub(crate) struct Depth(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    samples: VecDeque<Sample>,
    looked_at: Option<Timestamp>,
    is_noting: bool,
}

/// How many jobs there were at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) at: Timestamp,
    pub(crate) available: u64,
    pub(crate) running: u64,
    /// Those that wait for their time.
    pub(crate) later: u64,
}

impl Depth {
    /// What was noted so far, with what is so now. The first look begins to take notes.
    pub(crate) fn look(&self, shared: Weak<Shared>, counts: &Counts, now: Timestamp) -> Vec<Sample> {
        let mut notes = self.notes();
        notes.looked_at = Some(now);
        if !std::mem::replace(&mut notes.is_noting, true) {
            tokio::spawn(note(shared));
        }
        notes.push(Sample::new(counts, now));
        notes.samples.iter().copied().collect()
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    /// Keeps a sample, unless the last one is nearly as young, and at most [`KEPT`].
    fn push(&mut self, sample: Sample) {
        if self.samples.back().is_some_and(|last| sample.at.since(last.at) < EVERY / 2) {
            return;
        }
        self.samples.push_back(sample);
        let surplus = self.samples.len().saturating_sub(KEPT);
        self.samples.drain(..surplus);
    }
}

impl Sample {
    fn new(counts: &Counts, at: Timestamp) -> Self {
        let later = counts.count(State::Scheduled).saturating_add(counts.count(State::Retryable));
        Self { at, available: counts.count(State::Available), running: counts.count(State::Running), later }
    }
}

/// Takes notes until nobody looks any more, or the dashboard is gone.
async fn note(shared: Weak<Shared>) {
    while let Some(clock) = shared.upgrade().map(|shared| shared.client.clock()) {
        clock.sleep(EVERY).await;
        let Some(shared) = shared.upgrade() else { return };
        let stats = shared.client.stats().await;
        let now = clock.now();
        let mut notes = shared.depth.notes();
        if notes.looked_at.is_none_or(|at| now.since(at) > PATIENCE) {
            notes.is_noting = false;
            return;
        }
        // What the store does not say leaves a gap.
        if let Ok(stats) = stats {
            notes.push(Sample::new(&stats.total(), now));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sidetask::{Call, Client, MemoryStore};
    use sidetask_testing::ManualClock;

    use super::*;
    use crate::auth::Guard;

    #[tokio::test]
    async fn notes_are_taken_while_somebody_looks_and_no_longer() {
        let clock = ManualClock::default();
        let client = Client::new(Arc::new(MemoryStore::builder().clock(clock.clone()).build()));
        let shared = Arc::new(Shared::new(client.clone(), None, false, Guard::Shut));
        let look = async || {
            let counts = client.stats().await.unwrap().total();
            shared.depth.look(Arc::downgrade(&shared), &counts, client.clock().now())
        };
        assert_eq!(look().await.len(), 1);
        client.enqueue(Call::new("mail", ())).await.unwrap();
        let passes = |condition: fn(&Notes) -> bool| {
            let (clock, shared) = (clock.clone(), Arc::clone(&shared));
            let waits = async move {
                while !condition(&shared.depth.notes()) {
                    clock.advance(EVERY);
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), waits)
        };
        passes(|notes| notes.samples.len() > 1).await.unwrap();
        let samples = look().await;
        assert_eq!((samples[0].available, samples[1].available), (0, 1));
        passes(|notes| !notes.is_noting).await.unwrap();
        assert!(!look().await.is_empty());
        assert!(shared.depth.notes().is_noting, "who looks again has it noted again");
    }

    #[test]
    fn notes_are_an_hour_at_most_and_not_too_close() {
        let mut notes = Notes::default();
        let sample = |second: i64| Sample::new(&Counts::default(), Timestamp::from_micros(second * 1_000_000));
        for second in 0..10_000 {
            notes.push(sample(second));
        }
        assert_eq!(notes.samples.len(), KEPT);
        let pairs = notes.samples.iter().zip(notes.samples.iter().skip(1));
        assert!(pairs.clone().count() > 0 && pairs.into_iter().all(|(one, next)| next.at.since(one.at) >= EVERY / 2));
        assert!(notes.samples.back().is_some_and(|last| last.at >= sample(9_990).at));
    }
}
