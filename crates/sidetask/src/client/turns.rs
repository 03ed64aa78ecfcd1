//! When to ask again about jobs of which nothing is heard.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sidetask_core::JobId;

/// How long the first wait for another question is, and how long the longest. In between each is half as long again as
/// the one before, so that the end of a job is found about a third of its time late.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Which part of a wait a turn may be put off by, so that it falls together with those of other jobs.
const TOGETHER: u32 = 10;

/// The turns of jobs to be asked about. Times are what has passed on one clock.
#[derive(Debug, Default)]
pub(super) struct Turns {
    by_time: BTreeSet<(Duration, JobId)>,
    of: HashMap<JobId, Turn>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    at: Duration,
    wait: Duration,
}

impl Turns {
    /// Begins, or begins anew, with short waits.
    pub(super) fn begin(&mut self, job: JobId, now: Duration) {
        self.end(job);
        self.set(job, FIRST, now);
    }

    /// Asks no more.
    pub(super) fn end(&mut self, job: JobId) {
        if let Some(turn) = self.of.remove(&job) {
            self.by_time.remove(&(turn.at, job));
        }
    }

    /// The next turn of any job.
    pub(super) fn next(&self) -> Option<Duration> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The jobs whose turn has come; each gets its next one.
    pub(super) fn take(&mut self, now: Duration) -> Vec<JobId> {
        let mut jobs = Vec::new();
        while let Some((at, job)) = self.by_time.pop_first() {
            if at > now {
                self.by_time.insert((at, job));
                break;
            }
            jobs.push(job);
        }
        for job in &jobs {
            let wait = self.of.get(job).map_or(FIRST, |turn| turn.wait * 3 / 2);
            self.set(*job, wait.min(LONGEST), now);
        }
        jobs
    }

    fn set(&mut self, job: JobId, wait: Duration, now: Duration) {
        let at = rounded_up(now.saturating_add(wait), wait / TOGETHER);
        self.of.insert(job, Turn { at, wait });
        self.by_time.insert((at, job));
    }
}

fn rounded_up(time: Duration, to: Duration) -> Duration {
    let over = time.as_nanos() % to.as_nanos().max(1);
    let missing = if over == 0 { 0 } else { to.as_nanos() - over };
    time.saturating_add(Duration::from_nanos(u64::try_from(missing).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn job(number: u8) -> JobId {
        JobId::from_bytes([number; 16])
    }

    /// When a job is asked about that began to be waited for at `from`.
    fn asked(turns: &mut Turns, from: Duration, until: Duration) -> Vec<Duration> {
        turns.begin(job(1), from);
        let mut asked = vec![from];
        while let Some(at) = turns.next().filter(|at| *at <= until) {
            assert_eq!(turns.take(at), [job(1)]);
            asked.push(at);
        }
        asked
    }

    #[test]
    fn waits_grow_from_a_tenth_of_a_second_to_five_seconds() {
        for from in [Duration::ZERO, Duration::from_nanos(123_456_789), Duration::from_secs(1_000_000)] {
            let asked = asked(&mut Turns::default(), from, from + 10 * MINUTE);
            let waits: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(waits[0] >= FIRST && waits[0] <= FIRST * 11 / 10, "{waits:?}");
            for pair in waits.windows(2) {
                assert!(pair[1] >= (pair[0] * 12 / 10).min(LONGEST), "{pair:?}");
            }
            let last = waits[waits.len() - 1];
            assert!(last >= LONGEST && last <= LONGEST * 11 / 10, "{last:?}");
            assert!(waits.len() < 140, "{} questions in ten minutes", waits.len());
        }
    }

    #[test]
    fn a_job_that_is_waited_for_anew_begins_anew_and_no_other_does() {
        let mut turns = Turns::default();
        turns.begin(job(2), Duration::ZERO);
        asked(&mut turns, Duration::ZERO, Duration::ZERO);
        let mut now = Duration::ZERO;
        while now < MINUTE {
            now = turns.next().unwrap();
            turns.take(now);
        }
        turns.begin(job(1), now);
        assert!(turns.next().unwrap() - now <= FIRST * 11 / 10);
        assert_eq!(turns.take(now + FIRST * 11 / 10), [job(1)]);
        let other = turns.of[&job(2)];
        assert_eq!(other.wait, LONGEST);
    }

    #[test]
    fn jobs_that_began_at_about_the_same_time_have_their_turns_together() {
        let mut turns = Turns::default();
        for number in 0..100 {
            turns.begin(job(number), Duration::from_millis(number.into()));
        }
        let mut rounds = 0;
        let mut now = MINUTE;
        turns.take(now);
        while now < 2 * MINUTE {
            now = turns.next().unwrap();
            assert_eq!(turns.take(now).len(), 100);
            rounds += 1;
        }
        assert!(rounds <= 20, "{rounds}");
    }

    #[test]
    fn nothing_is_left_of_a_job_that_nobody_waits_for() {
        let mut turns = Turns::default();
        turns.begin(job(1), Duration::ZERO);
        turns.begin(job(1), Duration::from_secs(9));
        turns.end(job(1));
        turns.end(job(1));
        assert_eq!((turns.next(), turns.take(MINUTE).len(), turns.of.len()), (None, 0, 0));
    }
}
