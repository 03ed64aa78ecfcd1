use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait after a failed attempt before the next one.
///
/// The default is [exponential](Backoff::exponential) from one second up to one hour.
#[derive(Clone)]
pub struct Backoff(Shape);

#[derive(Clone)]
enum Shape {
    Exponential { first: Duration, longest: Duration },
    Fixed(Duration),
    Function(Arc<dyn Fn(u32) -> Duration + Send + Sync>),
}

impl Backoff {
    /// `first`, then twice as long after each further failure, never over `longest`; drawn evenly from the upper half
    /// of that, so that jobs which failed together do not come back together ("equal jitter", M. Brooker,
    /// *Exponential Backoff and Jitter*, AWS Architecture Blog, 2015).
    pub const fn exponential(first: Duration, longest: Duration) -> Self {
        Self(Shape::Exponential { first, longest })
    }

    /// Always `wait`. Zero means at once.
    pub const fn fixed(wait: Duration) -> Self {
        Self(Shape::Fixed(wait))
    }

    /// What `f` answers for the number of the attempt that failed, counted from 1.
    pub fn function(f: impl Fn(u32) -> Duration + Send + Sync + 'static) -> Self {
        Self(Shape::Function(Arc::new(f)))
    }

    /// The wait after attempt number `attempt` failed. `random` decides the jitter.
    pub fn wait(&self, attempt: u32, random: &mut fastrand::Rng) -> Duration {
        match &self.0 {
            Shape::Exponential { first, longest } => {
                let doublings = attempt.saturating_sub(1).min(31);
                let full = first.saturating_mul(1 << doublings).min(*longest);
                full.mul_f64(0.5 + random.f64() / 2.0)
            }
            Shape::Fixed(wait) => *wait,
            Shape::Function(f) => f(attempt),
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::exponential(Duration::from_secs(1), Duration::from_secs(3600))
    }
}

/// A fixed wait.
impl From<Duration> for Backoff {
    fn from(wait: Duration) -> Self {
        Self::fixed(wait)
    }
}

/// A wait chosen by the number of the attempt that failed.
impl<F: Fn(u32) -> Duration + Send + Sync + 'static> From<F> for Backoff {
    fn from(f: F) -> Self {
        Self::function(f)
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Shape::Exponential { first, longest } => write!(f, "exponential({first:?}, {longest:?})"),
            Shape::Fixed(wait) => write!(f, "fixed({wait:?})"),
            Shape::Function(_) => f.write_str("function"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exponential_stays_in_the_upper_half_of_its_bound(attempt in 1u32.., seed in any::<u64>()) {
            let first = Duration::from_secs(1);
            let longest = Duration::from_secs(3600);
            let wait = Backoff::exponential(first, longest).wait(attempt, &mut fastrand::Rng::with_seed(seed));
            let full = first.saturating_mul(1u32.checked_shl(attempt - 1).unwrap_or(u32::MAX)).min(longest);
            prop_assert!(wait >= full.mul_f64(0.499) && wait <= full, "{wait:?} of {full:?}");
        }

        #[test]
        fn no_attempt_and_no_bound_overflows(attempt in any::<u32>(), first in any::<u64>(), longest in any::<u64>()) {
            let backoff = Backoff::exponential(Duration::from_secs(first), Duration::from_secs(longest));
            prop_assert!(backoff.wait(attempt, &mut fastrand::Rng::with_seed(1)) <= Duration::from_secs(longest));
        }
    }

    #[test]
    fn one_seed_draws_one_sequence() {
        let draw = |seed| Backoff::default().wait(3, &mut fastrand::Rng::with_seed(seed));
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn fixed_and_function_answer_as_told() {
        let random = &mut fastrand::Rng::with_seed(0);
        assert_eq!(Backoff::fixed(Duration::from_secs(5)).wait(9, random), Duration::from_secs(5));
        let linear = Backoff::function(|attempt| Duration::from_secs(attempt.into()));
        assert_eq!(linear.wait(9, random), Duration::from_secs(9));
        fn named(attempt: u32) -> Duration {
            Duration::from_millis(attempt.into())
        }
        assert_eq!(Backoff::from(named).wait(9, random), Duration::from_millis(9));
    }
}
