use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sidetask_core::{Clock, SystemClock, Timestamp};

/// The database's clock, as far as it is known here: what it said last, and the time that has passed since. It is heard
/// when the store is opened and every [`HEARING`] after, so that two quartzes that differ by a ten-thousandth come apart by
/// milliseconds.
///
/// It is for what this process says of times: in ids, and to those who wait. What is due, leased and expired the database
/// decides by the clock itself.
#[derive(Debug)]
pub(crate) struct DatabaseClock {
    heard: Mutex<Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    time: Timestamp,
    /// What had [elapsed](Clock::elapsed) here then.
    at: Duration,
    /// Whether it is the machine's time, for want of the database's.
    is_guess: bool,
}

/// How long what was heard is good for.
pub(crate) const HEARING: Duration = Duration::from_secs(30);

impl DatabaseClock {
    /// Until the database is heard, the machine's time.
    pub(crate) fn new() -> Self {
        let heard = Heard { time: SystemClock.now(), at: SystemClock.elapsed(), is_guess: true };
        Self { heard: Mutex::new(heard) }
    }

    /// Takes note of the time that the database says it is.
    pub(crate) fn heard(&self, time: Timestamp) {
        let heard = Heard { time, at: self.elapsed(), is_guess: false };
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = heard;
    }

    /// Whether it is time to ask the database again.
    pub(crate) fn is_stale(&self) -> bool {
        let heard = self.last();
        heard.is_guess || self.elapsed().saturating_sub(heard.at) >= HEARING
    }

    fn last(&self) -> Heard {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let heard = self.last();
        heard.time.after(self.elapsed().saturating_sub(heard.at))
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_goes_on_from_what_the_database_said() {
        const HOUR: Duration = Duration::from_secs(3600);
        let clock = DatabaseClock::new();
        assert!(clock.is_stale(), "nothing was heard yet");
        for time in [SystemClock.now().after(HOUR), SystemClock.now().before(HOUR)] {
            clock.heard(time);
            assert_eq!(clock.now(), time);
            assert!(!clock.is_stale());
            tokio::time::advance(HEARING).await;
            assert_eq!(clock.now(), time.after(HEARING));
            assert!(clock.is_stale());
        }
    }
}
