use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use sidetask_core::RateLimit;

/// The permits of one limit, by the time that the caller gives.
pub(super) struct Permits {
    limiter: RateLimiter<NotKeyed, InMemoryState, Reading, NoOpMiddleware<Duration>>,
    reading: Reading,
}

impl Permits {
    /// A limit without [faults](RateLimit::faults), first used `now`.
    pub(super) fn new(limit: &RateLimit, now: Duration) -> Self {
        let reading = Reading::default();
        reading.set(now);
        let per = limit.per().max(Duration::from_nanos(1));
        let quota = Quota::with_period(per).unwrap_or_else(|| Quota::per_second(NonZero::<u32>::MIN));
        let quota = quota.allow_burst(NonZero::new(limit.burst()).unwrap_or(NonZero::<u32>::MIN));
        Self { limiter: RateLimiter::direct_with_clock(quota, reading.clone()), reading }
    }

    /// Takes one, or says how long there is none.
    pub(super) fn take(&self, now: Duration) -> Result<(), Duration> {
        self.reading.set(now);
        self.limiter.check().map_err(|not_until| not_until.wait_time_from(now).max(Duration::from_nanos(1)))
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").finish_non_exhaustive()
    }
}

/// A clock that shows what it was told, in nanoseconds.
#[derive(Clone, Debug, Default)]
struct Reading(Arc<AtomicU64>);

impl Reading {
    fn set(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Clock for Reading {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}
