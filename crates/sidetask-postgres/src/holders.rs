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

    /// Where claims of this worker, of these kinds, begin to look in a queue.
    pub(crate) fn start(&self, worker: WorkerId, queue: &str, kinds: u64) -> Place {
        let now = Instant::now();
        let holders = self.lock();
        let walk = holders.get(&worker).and_then(|holder| holder.walks.get(queue));
        walk.filter(|walk| walk.is_long && walk.kinds == kinds && now < walk.until).map_or(FRONT, |walk| walk.from)
    }

    /// Takes note of a claim that got all it wanted of a queue. `took` is how long it looked until it found the first.
    pub(crate) fn walked(&self, worker: WorkerId, queue: &str, kinds: u64, from: Place, to: Place, took: Duration) {
        let mut holders = self.lock();
        let holder = holders.entry(worker).or_default();
        match holder.walks.get_mut(queue) {
            Some(walk) if from != FRONT && walk.kinds == kinds && walk.from == from => walk.from = to,
            // It was told meanwhile to look again.
            _ if from != FRONT => {}
            _ => {
                let until = Instant::now() + AT_LEAST.max(took * TIMES);
                holder.walks.insert(queue.to_owned(), Walk { kinds, from: to, is_long: took > LONG, until });
            }
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
    pub(crate) fn answered(mut self) {
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
