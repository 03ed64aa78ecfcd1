use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sidetask_core::{Clock, SystemClock, Timestamp};

/// The database's clock, as far as it is known here: what it said last, and the time that has passed since.
#[derive(Debug)]
pub(crate) struct DatabaseClock {
    /// What the database's time was, less what had [elapsed](Clock::elapsed) here, in microseconds.
    offset: AtomicI64,
}

impl DatabaseClock {
    /// Until the database is heard, the machine's time.
    pub(crate) fn new() -> Self {
        let clock = Self { offset: AtomicI64::new(0) };
        clock.heard(SystemClock.now());
        clock
    }

    /// Takes note of the time that the database says it is.
    pub(crate) fn heard(&self, now: Timestamp) {
        let offset = now.as_micros().saturating_sub(elapsed_micros(self.elapsed()));
        self.offset.store(offset, Ordering::Relaxed);
    }
}

fn elapsed_micros(elapsed: Duration) -> i64 {
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let offset = self.offset.load(Ordering::Relaxed);
        Timestamp::from_micros(offset.saturating_add(elapsed_micros(self.elapsed())))
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}
