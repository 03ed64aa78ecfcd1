//! The thread that names a poll while it is stuck.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use super::slot::{Seen, slots};
use super::switch;

static ASLEEP: AtomicBool = AtomicBool::new(false);
/// `None` where the system gave no thread.
static WATCHDOG: OnceLock<Option<Thread>> = OnceLock::new();

const SHORTEST_TICK: Duration = Duration::from_millis(1);
/// So that another threshold is taken note of.
const LONGEST_TICK: Duration = Duration::from_secs(1);

/// Called when a poll has begun: starts or wakes the watchdog.
#[inline]
pub(super) fn wake() {
    match WATCHDOG.get() {
        Some(Some(watchdog)) => {
            if ASLEEP.load(Ordering::Relaxed) && ASLEEP.swap(false, Ordering::Relaxed) {
                watchdog.unpark();
            }
        }
        Some(None) => {}
        None => start(),
    }
}

#[cold]
fn start() {
    WATCHDOG.get_or_init(|| {
        let started = thread::Builder::new().name(String::from("sidetask-stall")).spawn(watch);
        if let Err(error) = &started {
            tracing::warn!(%error, "stalls are reported only when they are over: there is no thread to look for them");
        }
        started.ok().map(|handle| handle.thread().clone())
    });
}

fn watch() {
    loop {
        // Before it looks, so that whoever begins a poll after that sees it.
        ASLEEP.store(true, Ordering::Relaxed);
        if !switch::threshold().is_some_and(look) {
            sleep();
        }
        ASLEEP.store(false, Ordering::Relaxed);
        // Also after it was woken: polls that are short, as most are, would otherwise wake it one by one.
        if let Some(threshold) = switch::threshold() {
            thread::sleep((threshold / 4).clamp(SHORTEST_TICK, LONGEST_TICK));
        }
    }
}

/// Looks at what each thread polls. False where there is nothing.
fn look(threshold: Duration) -> bool {
    let mut any = false;
    for slot in slots() {
        match slot.look(threshold) {
            Seen::Nothing => continue,
            Seen::Poll => {}
            Seen::Stall(subject, lasted) => switch::report(&subject, lasted, false),
        }
        any = true;
    }
    any
}

/// Sleeps until a poll begins.
fn sleep() {
    while ASLEEP.load(Ordering::Relaxed) {
        thread::park();
    }
}
