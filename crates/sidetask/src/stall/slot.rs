//! What each thread polls now, where the watchdog can see it.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{switch, watchdog};
use crate::task::label::Label;

/// Whose poll it is.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// A task in process, defined elsewhere than it was made where a place is given.
    Task(Label, Option<&'static Location<'static>>),
    /// An attempt of a job of this kind, whose function is defined there.
    Job(Arc<str>, &'static Location<'static>),
}

impl Subject {
    pub(super) fn place(&self) -> &'static Location<'static> {
        match self {
            Self::Task(label, place) => place.unwrap_or(label.place),
            Self::Job(_, place) => place,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(label, _) => label.fmt(f),
            Self::Job(kind, _) => f.write_str(kind),
        }
    }
}

/// The innermost poll of one thread.
#[derive(Debug, Default)]
pub(super) struct Slot(Mutex<Option<Poll>>);

/// A poll under way.
#[derive(Debug)]
struct Poll {
    subject: Subject,
    /// Later by what polls within it took, since those are reported by themselves.
    started: Instant,
    /// Whether the watchdog has told of it.
    is_told: bool,
}

/// What the watchdog finds in a slot.
#[derive(Debug)]
pub(super) enum Seen {
    Nothing,
    /// A poll that is within its time, or told of already.
    Poll,
    /// A poll that has just been found to be over its time.
    Stall(Subject, Duration),
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Poll>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for a poll that takes longer than `threshold`. Each is found once.
    pub(super) fn look(&self, threshold: Duration) -> Seen {
        let mut current = self.lock();
        let Some(poll) = &mut *current else { return Seen::Nothing };
        let lasted = poll.started.elapsed();
        if poll.is_told || lasted < threshold {
            return Seen::Poll;
        }
        poll.is_told = true;
        Seen::Stall(poll.subject.clone(), lasted)
    }
}

/// A poll of this thread, from when it begins until it [ends](Self::end) or this is dropped. One that took too long is
/// reported then.
#[derive(Debug)]
pub(super) struct Polling {
    threshold: Duration,
    began: Instant,
    outer: Option<Poll>,
    is_over: bool,
}

impl Polling {
    pub(super) fn begin(subject: Subject, threshold: Duration) -> Self {
        let began = Instant::now();
        let poll = Poll { subject, started: began, is_told: false };
        // A thread that is ending has no slot any more: its polls are not watched.
        let outer = OWN.try_with(|own| own.0.lock().replace(poll)).ok().flatten();
        // After the lock, which orders this with the watchdog's going to sleep: either it saw this poll, or this sees it
        // asleep.
        watchdog::wake();
        Self { threshold, began, outer, is_over: false }
    }

    /// Gives the subject back, for the next poll of the same task.
    pub(super) fn end(mut self) -> Option<Subject> {
        self.close()
    }

    fn close(&mut self) -> Option<Subject> {
        self.is_over = true;
        let now = Instant::now();
        let whole = now.duration_since(self.began);
        let outer = self.outer.take().map(|outer| Poll { started: outer.started + whole, ..outer });
        let ended = OWN.try_with(|own| std::mem::replace(&mut *own.0.lock(), outer));
        let Poll { subject, started, .. } = ended.ok().flatten()?;
        let lasted = now.duration_since(started);
        if lasted >= self.threshold {
            switch::report(&subject, lasted, true);
        }
        Some(subject)
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        if !self.is_over {
            self.close();
        }
    }
}

/// The slots of all threads that have polled something.
static ALL: Mutex<Vec<Arc<Slot>>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<Arc<Slot>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The slots, as of now.
pub(super) fn slots() -> Vec<Arc<Slot>> {
    all().clone()
}

/// A thread's slot, known to the watchdog until the thread ends.
struct Own(Arc<Slot>);

thread_local! {
    static OWN: Own = Own::new();
}

impl Own {
    fn new() -> Self {
        let slot = Arc::<Slot>::default();
        all().push(Arc::clone(&slot));
        Self(slot)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        all().retain(|slot| !Arc::ptr_eq(slot, &self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject::Job("k".into(), Location::caller())
    }

    fn own() -> Arc<Slot> {
        OWN.with(|own| Arc::clone(&own.0))
    }

    #[test]
    fn a_poll_over_its_time_is_found_once() {
        let polling = Polling::begin(subject(), Duration::MAX);
        assert!(matches!(own().look(Duration::MAX), Seen::Poll));
        assert!(matches!(own().look(Duration::ZERO), Seen::Stall(..)));
        assert!(matches!(own().look(Duration::ZERO), Seen::Poll));
        drop(polling);
        assert!(matches!(own().look(Duration::ZERO), Seen::Nothing));
    }

    #[test]
    fn what_a_poll_within_took_does_not_count_for_any_outer_one() {
        let outer = Polling::begin(subject(), Duration::MAX);
        let between = Polling::begin(subject(), Duration::MAX);
        let began = Instant::now();
        let inner = Polling::begin(subject(), Duration::MAX);
        while began.elapsed() < Duration::from_millis(20) {
            std::thread::yield_now();
        }
        drop(inner);
        let started = || own().lock().as_ref().map(|poll| poll.started).unwrap();
        assert!(started() >= began + Duration::from_millis(19), "{:?}", started() - began);
        drop(between);
        assert!(started() >= began + Duration::from_millis(19), "{:?}", started() - began);
        drop(outer);
    }

    #[test]
    fn the_slot_of_a_thread_goes_with_it() {
        let slot = std::thread::spawn(|| {
            drop(Polling::begin(subject(), Duration::MAX));
            let slot = own();
            assert!(slots().iter().any(|known| Arc::ptr_eq(known, &slot)));
            slot
        });
        let slot = slot.join().unwrap();
        assert!(!slots().iter().any(|known| Arc::ptr_eq(known, &slot)));
    }
}
