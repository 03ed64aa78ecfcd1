use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sidetask_core::{Claimed, Want, WorkerId};
use tokio::time::Instant;

/// What is known here of the workers that claim through this store.
#[derive(Debug, Default)]
pub(crate) struct Holders(Mutex<HashMap<WorkerId, Holder>>);

#[derive(Debug, Default)]
struct Holder {
    /// The number of its last claim.
    last: i64,
    /// Claims whose answer never came. Their jobs are its own, if they were given it at all.
    lost: Vec<i64>,
    /// Jobs of such claims, until it wants as many.
    found: Vec<Claimed>,
    walks: HashMap<String, Walk>,
}

/// How far a queue was looked through, in the order of claiming.
#[derive(Clone, Debug)]
struct Walk {
    kinds: u64,
    /// Everything before it was taken, or is of other kinds.
    from: Place,
    is_long: bool,
    /// When it is to begin at the front again.
    until: Instant,
}

/// A place in the order of claiming.
pub(crate) type Place = (i16, i64, i64);

/// Before every job.
pub(crate) const FRONT: Place = (i16::MIN, i64::MIN, i64::MIN);

/// After every job.
const BACK: Place = (i16::MAX, i64::MAX, i64::MAX);

/// What the entries at the front of a queue may cost before they are passed over: they are of jobs that were claimed, and
/// stay for as long as somebody's transaction might still see them, or of kinds that the worker does not know.
const LONG: Duration = Duration::from_micros(500);

/// For how long at least a walk begins where the last one ended, and for how many times as long as that took.
const AT_LEAST: Duration = Duration::from_millis(50);
const TIMES: u32 = 20;

impl Holders {
    fn lock(&self) -> MutexGuard<'_, HashMap<WorkerId, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers a claim. Where its turn is dropped before it was answered, the claim counts as lost.
    pub(crate) fn begin(&self, worker: WorkerId) -> Turn<'_> {
        let mut holders = self.lock();
        let holder = holders.entry(worker).or_default();
        holder.last += 1;
        Turn { holders: self, worker, number: holder.last, answered: false }
    }

    /// The claims whose answer was lost.
    pub(crate) fn lost(&self, worker: WorkerId) -> Vec<i64> {
        self.lock().get(&worker).map(|holder| holder.lost.clone()).unwrap_or_default()
    }

    /// Keeps the jobs of lost claims to be handed out.
    pub(crate) fn found(&self, worker: WorkerId, lost: &[i64], jobs: Vec<Claimed>) {
        let mut holders = self.lock();
        let holder = holders.entry(worker).or_default();
        // Whoever comes second has found the same.
        let is_first = lost.iter().all(|number| holder.lost.contains(number));
        if is_first {
            holder.lost.retain(|number| !lost.contains(number));
            holder.found.extend(jobs);
        }
    }

    /// Of the jobs of lost claims, those that are wanted.
    pub(crate) fn take_found(&self, worker: WorkerId, wants: &[Want]) -> Vec<Claimed> {
        let mut holders = self.lock();
        let Some(holder) = holders.get_mut(&worker).filter(|holder| !holder.found.is_empty()) else {
            return Vec::new();
        };
        let mut left: HashMap<&str, usize> = HashMap::new();
        for want in wants {
            let limit = left.entry(&want.queue).or_default();
            *limit = limit.saturating_add(want.limit);
        }
        let is_wanted = |job: &mut Claimed| match left.get_mut(&*job.queue) {
            Some(limit) if *limit > 0 => {
                *limit -= 1;
                true
            }
            _ => false,
        };
        holder.found.extract_if(.., is_wanted).collect()
    }

    /// The worker's claims are numbered from here on: another store claimed for it.
    pub(crate) fn number_after(&self, worker: WorkerId, last: i64) {
        let mut holders = self.lock();
        let holder = holders.entry(worker).or_default();
        holder.last = holder.last.max(last);
    }

    /// Where a claim of this worker, of these kinds, begins to look in a queue.
    pub(crate) fn start(&self, worker: WorkerId, queue: &str, kinds: u64) -> Place {
        let now = Instant::now();
        let mut holders = self.lock();
        let walks = &mut holders.entry(worker).or_default().walks;
        match walks.get(queue) {
            Some(walk) if walk.is_long && walk.kinds == kinds && now < walk.until => walk.from,
            _ => {
                // It takes note of what is stored while the claim looks.
                walks.insert(queue.to_owned(), Walk { kinds, from: BACK, is_long: false, until: now });
                FRONT
            }
        }
    }

    /// Takes note of a claim that got all it wanted of a queue. `took` is how long it looked until it found the first.
    pub(crate) fn walked(&self, worker: WorkerId, queue: &str, kinds: u64, from: Place, to: Place, took: Duration) {
        let mut holders = self.lock();
        let walk = holders.get_mut(&worker).and_then(|holder| holder.walks.get_mut(queue));
        // Where there is none it is to look again.
        let Some(walk) = walk.filter(|walk| walk.kinds == kinds) else { return };
        if from == FRONT {
            let until = Instant::now() + AT_LEAST.max(took * TIMES);
            *walk = Walk { kinds, from: walk.from.min(to), is_long: took > LONG, until };
        } else if walk.from == from {
            walk.from = to;
        }
    }

    /// Jobs were stored that come at or after this place: nobody passes them over.
    pub(crate) fn stored(&self, queue: &str, (priority, run_at): (i16, i64)) {
        let place = (priority, run_at, i64::MIN);
        for holder in self.lock().values_mut() {
            if let Some(walk) = holder.walks.get_mut(queue) {
                walk.from = walk.from.min(place);
            }
        }
    }

    /// The next claims look through the whole queue.
    pub(crate) fn look_again(&self, queue: &str) {
        for holder in self.lock().values_mut() {
            holder.walks.remove(queue);
        }
    }

    /// A worker that is no more.
    pub(crate) fn forget(&self, worker: WorkerId) {
        self.lock().remove(&worker);
    }
}

/// A claim that is under way.
pub(crate) struct Turn<'a> {
    holders: &'a Holders,
    worker: WorkerId,
    pub(crate) number: i64,
    answered: bool,
}

impl Turn<'_> {
    /// Its answer came.
    pub(crate) fn end(mut self) {
        self.answered = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.answered
            && let Some(holder) = self.holders.lock().get_mut(&self.worker)
        {
            holder.lost.push(self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "default";
    const COSTLY: Duration = Duration::from_millis(2);
    const PLACE: Place = (0, 100, 7);

    fn worker(byte: u8) -> WorkerId {
        WorkerId::from_bytes([byte; 16])
    }

    fn walked(took: Duration) -> Holders {
        let holders = Holders::default();
        assert_eq!(holders.start(worker(1), QUEUE, 5), FRONT);
        holders.walked(worker(1), QUEUE, 5, FRONT, PLACE, took);
        holders
    }

    #[tokio::test(start_paused = true)]
    async fn a_walk_that_costs_little_begins_at_the_front() {
        assert_eq!(walked(LONG).start(worker(1), QUEUE, 5), FRONT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_costly_walk_goes_on_where_it_ended_for_a_while() {
        for (took, lasts) in [(COSTLY, AT_LEAST), (COSTLY * 10, COSTLY * 10 * TIMES)] {
            let holders = walked(took);
            tokio::time::advance(lasts - Duration::from_millis(1)).await;
            assert_eq!(holders.start(worker(1), QUEUE, 5), PLACE);
            holders.walked(worker(1), QUEUE, 5, PLACE, (0, 200, 1), Duration::ZERO);
            assert_eq!(holders.start(worker(1), QUEUE, 5), (0, 200, 1));
            tokio::time::advance(Duration::from_millis(1)).await;
            assert_eq!(holders.start(worker(1), QUEUE, 5), FRONT, "after {lasts:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_passed_over_is_so_for_this_worker_queue_and_kinds_only() {
        let holders = walked(COSTLY);
        for (worker, queue, kinds) in [(worker(2), QUEUE, 5), (worker(1), "other", 5), (worker(1), QUEUE, 6)] {
            assert_eq!(holders.start(worker, queue, kinds), FRONT);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stored_before_is_not_passed_over() {
        let holders = walked(COSTLY);
        holders.stored(QUEUE, (0, 150));
        assert_eq!(holders.start(worker(1), QUEUE, 5), PLACE, "it comes after");
        holders.stored(QUEUE, (-1, 500));
        assert_eq!(holders.start(worker(1), QUEUE, 5), (-1, 500, i64::MIN));
        holders.look_again(QUEUE);
        assert_eq!(holders.start(worker(1), QUEUE, 5), FRONT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_walk_that_ends_after_something_was_stored_passes_it_over_no_more() {
        let holders = walked(COSTLY);
        holders.stored(QUEUE, (-1, 500));
        holders.walked(worker(1), QUEUE, 5, PLACE, (0, 200, 1), Duration::ZERO);
        assert_eq!(holders.start(worker(1), QUEUE, 5), (-1, 500, i64::MIN));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stored_during_a_walk_is_not_passed_over() {
        let holders = Holders::default();
        holders.start(worker(1), QUEUE, 5);
        holders.stored(QUEUE, (0, 50));
        holders.walked(worker(1), QUEUE, 5, FRONT, PLACE, COSTLY);
        assert_eq!(holders.start(worker(1), QUEUE, 5), (0, 50, i64::MIN));
        holders.look_again(QUEUE);
        holders.walked(worker(1), QUEUE, 5, FRONT, PLACE, COSTLY);
        assert_eq!(holders.start(worker(1), QUEUE, 5), FRONT);
    }

    #[test]
    fn a_claim_counts_as_lost_unless_it_was_answered() {
        let holders = Holders::default();
        holders.begin(worker(1)).end();
        drop(holders.begin(worker(1)));
        let under_way = holders.begin(worker(1));
        assert_eq!((under_way.number, holders.lost(worker(1))), (3, vec![2]));
        holders.found(worker(1), &[2], Vec::new());
        assert_eq!(holders.lost(worker(1)), Vec::<i64>::new());
    }
}
