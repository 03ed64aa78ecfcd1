use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::new_job::check_name;

/// How often a service may be called: once each `per`, and up to `burst` times at once after a pause.
///
/// **It holds for one process.** All tasks and workers of the process that name it share it; another process has its
/// own, so give each its part where there are several. One call is one attempt, retries included, which takes its permit
/// before it begins. In any span `t` no more than `burst + t / per` attempts begin.
///
/// When one of them ends with [`TaskError::retry_after`](crate::TaskError::retry_after), the service has said so to all:
/// nobody who shares the limit begins until that time has passed.
///
/// Time is what a worker's clock, or in process the tokio runtime's, says has [passed](crate::Clock::elapsed); setting
/// the machine's clock changes nothing.
///
/// A name keeps its limit for the life of the process, so use a bounded number of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    name: Cow<'static, str>,
    per: Duration,
    burst: u32,
}

/// The longest that a whole burst may take to come back.
const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 365);

impl RateLimit {
    /// The limit of `name`, 1 to 256 bytes: one attempt each `per`, more than zero, and up to `burst`, at least 1, at
    /// once after a pause. `per * burst` is at most a year. What is outside of that is refused where it is used.
    pub fn new(name: impl Into<Cow<'static, str>>, per: Duration, burst: u32) -> Self {
        Self { name: name.into(), per, burst }
    }

    /// What is limited.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The time for one attempt.
    pub const fn per(&self) -> Duration {
        self.per
    }

    /// How many may begin at once after a pause.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// What is wrong with it, each thing as a sentence of its own.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        check_name("name of a rate limit", &self.name, &mut faults);
        if self.per.is_zero() {
            faults.push(format!("rate limit `{}` is one attempt each 0 s: it must be more than zero", self.name));
        }
        if self.burst == 0 {
            faults.push(format!("rate limit `{}` has a burst of 0, which lets nothing pass: give it 1", self.name));
        }
        if self.per.saturating_mul(self.burst) > LONGEST {
            faults.push(format!("rate limit `{}` needs over a year for a burst to come back: shorten it", self.name));
        }
        faults
    }

    /// What is wrong with both being used, if anything is.
    pub fn conflict(&self, other: &Self) -> Option<String> {
        let is_conflict = self.name == other.name && self != other;
        is_conflict.then(|| {
            format!(
                "rate limit `{}` is given as {self} and as {other}: say the same at both places, or give one of them \
                 another name",
                self.name
            )
        })
    }
}

/// Without the name.
impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one each {:?} with a burst of {}", self.per, self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_cannot_be_used_is_named() {
        let year = 60 * 60 * 24 * 365;
        let table = [
            ("crm", SECOND, 1, 0),
            ("crm", Duration::from_nanos(1), u32::MAX, 0),
            ("crm", LONGEST, 1, 0),
            ("", SECOND, 1, 1),
            ("crm", Duration::ZERO, 1, 1),
            ("crm", SECOND, 0, 1),
            ("crm", SECOND, year + 1, 1),
            ("crm", Duration::MAX, u32::MAX, 1),
            ("", Duration::ZERO, 0, 3),
        ];
        for (name, per, burst, faults) in table {
            let found = RateLimit::new(name, per, burst).faults();
            assert_eq!(found.len(), faults, "{name:?} {per:?} {burst}: {found:?}");
        }
    }

    #[test]
    fn two_limits_of_one_name_are_a_conflict_that_names_both() {
        let limit = RateLimit::new("crm", SECOND, 5);
        assert_eq!(limit.conflict(&limit.clone()), None);
        assert_eq!(limit.conflict(&RateLimit::new("mail", SECOND, 6)), None);
        let conflict = limit.conflict(&RateLimit::new("crm", 2 * SECOND, 5)).unwrap();
        for part in ["`crm`", "each 1s", "each 2s", "burst of 5"] {
            assert!(conflict.contains(part), "{conflict}");
        }
    }
}
