use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sidetask_core::{Clock, Timestamp};
use tokio::sync::watch;

/// A clock that stands still until it is moved. Clones are one clock.
#[derive(Clone, Debug)]
pub struct ManualClock(watch::Sender<Reading>);

#[derive(Clone, Copy, Debug)]
struct Reading {
    now: Timestamp,
    passed: Duration,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(watch::Sender::new(Reading { now: start, passed: Duration::ZERO }))
    }

    /// Lets time pass: every [`sleep`](Clock::sleep) that is over by then completes.
    pub fn advance(&self, duration: Duration) {
        self.0.send_modify(|reading| {
            reading.now = reading.now.after(duration);
            reading.passed = reading.passed.saturating_add(duration);
        });
    }

    /// Makes it show another time, earlier or later, as when somebody sets a machine's clock: no time passes, so sleeps
    /// are neither ended nor drawn out.
    pub fn set(&self, now: Timestamp) {
        self.0.send_modify(|reading| reading.now = now);
    }
}

/// Shows 2026-01-01T00:00:00Z.
impl Default for ManualClock {
    fn default() -> Self {
        Self::new(Timestamp::from_micros(1_767_225_600_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    fn elapsed(&self) -> Duration {
        self.0.borrow().passed
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut readings = self.0.subscribe();
        let wake_at = readings.borrow().passed.saturating_add(duration);
        Box::pin(async move {
            if readings.wait_for(|reading| reading.passed >= wake_at).await.is_err() {
                // Nobody is left who could move the clock.
                std::future::pending().await
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    fn is_over(sleep: &mut Pin<Box<dyn Future<Output = ()> + Send>>) -> bool {
        sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn the_default_is_the_time_that_its_doc_names() {
        assert_eq!(ManualClock::default().now().to_string(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn clones_share_their_time() {
        let clock = ManualClock::default();
        let start = clock.now();
        clock.clone().advance(Duration::from_secs(5));
        assert_eq!(clock.now().since(start), Duration::from_secs(5));
    }

    #[test]
    fn a_sleep_ends_when_its_time_has_passed_and_not_before() {
        let clock = ManualClock::default();
        let mut sleep = clock.sleep(Duration::from_secs(5));
        clock.advance(Duration::from_millis(4_999));
        assert!(!is_over(&mut sleep));
        clock.advance(Duration::from_millis(1));
        assert!(is_over(&mut sleep));
        assert!(is_over(&mut clock.sleep(Duration::ZERO)));
    }

    #[test]
    fn setting_the_clock_lets_no_time_pass() {
        let clock = ManualClock::default();
        let start = clock.now();
        let mut sleep = clock.sleep(Duration::from_secs(5));
        clock.set(start.after(Duration::from_secs(3600)));
        assert!(!is_over(&mut sleep));
        clock.set(start.before(Duration::from_secs(3600)));
        clock.advance(Duration::from_secs(5));
        assert!(is_over(&mut sleep));
        assert_eq!(clock.now(), start.before(Duration::from_secs(3595)));
        assert_eq!(clock.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_waiting_task_is_woken() {
        let clock = ManualClock::default();
        let sleeper = tokio::spawn(clock.sleep(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        tokio::time::timeout(Duration::from_secs(10), sleeper).await.unwrap().unwrap();
    }
}
