#[cfg(any(feature = "__dispatch", feature = "handler"))]
use std::time::Duration;

use sidetask::Timestamp;

/// Lambda runs nothing for longer. What runs is kept for at least this long after its last report, so that a short TTL
/// does not take the job from under its attempt.
#[cfg(feature = "handler")]
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);

/// The `ttl` of an item that is to be kept for this long after `from`: rounded up, so that it is never kept for less.
#[cfg(any(feature = "__dispatch", feature = "handler"))]
pub(super) fn expires(from: Timestamp, ttl: Duration) -> i64 {
    let micros = from.after(ttl).as_micros();
    micros.div_euclid(1_000_000) + i64::from(micros.rem_euclid(1_000_000) != 0)
}

/// What a `ttl` is compared with: an item whose `ttl` is this or less counts as absent.
pub(super) fn seconds(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(1_000_000)
}

/// The `ttl` of a job whose attempt has just shown that it runs.
#[cfg(feature = "handler")]
pub(super) fn expires_running(now: Timestamp, ttl: Duration) -> i64 {
    expires(now, ttl.max(LONGEST_RUN))
}

#[cfg(test)]
#[cfg(feature = "handler")]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_there_for_its_whole_ttl_and_gone_within_the_second_after() {
        for micros in [0, 1, 999_999, 1_000_000, 1_700_000_000_250_000, -1, -1_500_000] {
            let now = Timestamp::from_micros(micros);
            let ttl = expires(now, Duration::from_secs(600));
            assert!(ttl > seconds(Timestamp::from_micros(micros + 600_000_000 - 1)), "{micros}");
            assert!(ttl <= seconds(Timestamp::from_micros(micros + 601_000_000)), "{micros}");
        }
        assert!(expires(Timestamp::from_micros(0), Duration::MAX) > 0);
    }

    #[test]
    fn what_runs_outlives_a_short_ttl() {
        let now = Timestamp::from_micros(0);
        assert_eq!(expires_running(now, Duration::from_secs(1)), 900);
        assert_eq!(expires_running(now, Duration::from_secs(1000)), 1000);
    }
}
