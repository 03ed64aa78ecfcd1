//! Whether polls are watched, and what is done about those that stall.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sidetask_core::Error;

use super::slot::Subject;
use super::{Detector, Stall, environment};
use crate::panics::catch;

/// In nanoseconds: [`UNREAD`], [`OFF`], or how long a poll may take.
static THRESHOLD: AtomicU64 = AtomicU64::new(UNREAD);
/// Nobody has looked at the environment yet.
const UNREAD: u64 = 0;
const OFF: u64 = u64::MAX;

static ACTIVE: Mutex<Active> = Mutex::new(Active { detector: None, is_installed: false });

struct Active {
    detector: Option<Arc<Detector>>,
    /// By the program, not the environment.
    is_installed: bool,
}

/// How long a poll may take, where polls are watched.
#[inline]
pub(super) fn threshold() -> Option<Duration> {
    match THRESHOLD.load(Ordering::Relaxed) {
        OFF => None,
        UNREAD => read_environment(),
        nanos => Some(Duration::from_nanos(nanos)),
    }
}

#[cold]
fn read_environment() -> Option<Duration> {
    let wanted = environment::detector();
    let mut active = lock();
    if !active.is_installed {
        active.set(wanted.map(Arc::new), false);
    }
    active.detector.as_ref().map(|detector| detector.threshold)
}

pub(super) fn install(detector: Arc<Detector>) -> Result<Arc<Detector>, Error> {
    let mut active = lock();
    if active.is_installed {
        let fault = "a stall detector is installed already: there is one for the whole process, remove it first";
        return Err(Error::configuration(&[fault.to_owned()]));
    }
    active.set(Some(Arc::clone(&detector)), true);
    Ok(detector)
}

pub(super) fn remove(installed: &Arc<Detector>) {
    let mut active = lock();
    if active.detector.as_ref().is_some_and(|detector| Arc::ptr_eq(detector, installed)) {
        active.detector = None;
        active.is_installed = false;
        THRESHOLD.store(UNREAD, Ordering::Relaxed);
    }
}

impl Active {
    fn set(&mut self, detector: Option<Arc<Detector>>, is_installed: bool) {
        let nanos = detector.as_ref().map_or(OFF, |detector| {
            u64::try_from(detector.threshold.as_nanos()).unwrap_or(OFF).clamp(UNREAD + 1, OFF - 1)
        });
        *self = Self { detector, is_installed };
        THRESHOLD.store(nanos, Ordering::Relaxed);
    }
}

fn lock() -> MutexGuard<'static, Active> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// The callback runs on this thread.
    static CALLS: Cell<bool> = const { Cell::new(false) };
}

/// Tells of one poll.
#[cold]
pub(super) fn report(subject: &Subject, lasted: Duration, is_over: bool) {
    let Some(detector) = lock().detector.clone() else { return };
    let stall = Stall { task: subject.to_string(), place: subject.place(), lasted, is_over };
    let Stall { task, place, .. } = &stall;
    if is_over {
        tracing::warn!(task, %place, ?lasted, "a task has blocked its thread");
    } else {
        tracing::warn!(
            task,
            %place,
            ?lasted,
            "a task is blocking its thread, and every other task of the thread waits: move this to \
             `sidetask::blocking`, or make the task of a plain `fn`"
        );
    }
    let Some(on_stall) = &detector.on_stall else { return };
    // A callback that polls tasks which stall would be called for them without end.
    if CALLS.replace(true) {
        return;
    }
    let called = catch(|| on_stall(&stall));
    CALLS.set(false);
    if let Err(panic) = called {
        tracing::warn!(panic = panic.message(), "the callback for stalls panicked");
    }
}
