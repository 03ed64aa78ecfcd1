//! The simulated clock: the runtime's paused time, which moves on by itself when nothing else is left to do, so that the
//! parts that wait on the runtime and those that wait on a clock keep step.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sidetask::{Clock, Timestamp};
use tokio::time::Instant;

/// 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600_000_000;

/// Clones are one clock.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedClock {
    begun: Instant,
    /// By how many microseconds it was set.
    set_by: Arc<AtomicI64>,
}

impl SimulatedClock {
    /// To be made in the runtime whose time it shows.
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), set_by: Arc::default() }
    }

    /// Sets it, as somebody sets a machine's clock. No time passes.
    pub(crate) fn set_by(&self, micros: i64) {
        self.set_by.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(BEGINNING + elapsed + self.set_by.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}
