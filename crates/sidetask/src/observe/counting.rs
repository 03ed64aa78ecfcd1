//! Counting and timing where it happens.

use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use ::metrics::{counter, histogram};
use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Claimed, Clock, Enqueued, Error, NewJob, Registry, State, Verdict};

use super::labels::{self, Labels};
use super::metrics::{CLAIM_DURATION, ENQUEUED, FINISHED, JOB_DURATION, JOB_WAIT};
use crate::client::DISCOVERED;

pub(crate) use super::metrics::describe;

/// Tells the kinds of a registry apart from now on.
pub(crate) fn know(registry: &Registry) {
    labels::know(registry);
}

/// Jobs on their way to a store or a service.
#[derive(Debug)]
pub(crate) struct Arrivals(Vec<Labels>);

impl Arrivals {
    pub(crate) fn of(jobs: &[NewJob]) -> Self {
        static DISCOVERING: Once = Once::new();
        DISCOVERING.call_once(|| know(&DISCOVERED));
        Self(jobs.iter().map(|job| Labels::of(&job.queue, &job.kind)).collect())
    }

    /// Counts those that were stored or sent.
    pub(crate) fn stored(self, answers: &[Result<Enqueued, Error>]) {
        let mut groups: Vec<(Labels, u64)> = Vec::new();
        let is_new = |answer: &Result<Enqueued, Error>| answer.as_ref().is_ok_and(|stored| !stored.existed);
        for (labels, _) in self.0.into_iter().zip(answers).filter(|(_, answer)| is_new(answer)) {
            match groups.iter_mut().find(|(group, _)| *group == labels) {
                Some((_, count)) => *count += 1,
                None => groups.push((labels, 1)),
            }
        }
        for (Labels { queue, kind }, count) in groups {
            counter!(ENQUEUED, "queue" => queue, "kind" => kind).increment(count);
        }
    }
}

/// Begins to time a claim.
pub(crate) fn claiming() -> Claiming {
    Claiming(Instant::now())
}

#[derive(Debug)]
pub(crate) struct Claiming(Instant);

impl Claiming {
    pub(crate) fn end(self) {
        histogram!(CLAIM_DURATION).record(self.0.elapsed());
    }
}

/// One attempt, to be counted and timed.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    labels: Labels,
    /// When it began, and then how long it took. An attempt that is given back at once never began.
    time: Option<Duration>,
}

impl Sample {
    pub(crate) fn of(job: &Claimed) -> Self {
        Self { labels: Labels::of(&job.queue, &job.kind), time: None }
    }

    /// Its function begins.
    pub(crate) fn begins(&mut self, job: &Claimed, clock: &dyn Clock) {
        let Labels { queue, kind } = self.labels.clone();
        histogram!(JOB_WAIT, "queue" => queue, "kind" => kind).record(clock.now().since(job.run_at));
        self.time = Some(clock.elapsed());
    }

    /// Its function has ended.
    pub(crate) fn ends(&mut self, clock: &dyn Clock) {
        self.time = self.time.map(|begun| clock.elapsed().saturating_sub(begun));
    }
}

/// Counts attempts with what the store said to their reports. The last word is whether the task completed its job in a
/// transaction of its own.
pub(crate) fn finished<'a>(reports: impl Iterator<Item = (&'a Sample, &'a Outcome, Verdict, bool)>) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (sample, outcome, verdict, in_transaction) in reports {
        let outcome = word(outcome, verdict, in_transaction);
        let labels = &sample.labels;
        let group = match groups.iter().position(|group| group.outcome == outcome && group.labels == labels) {
            Some(at) => &mut groups[at],
            None => groups.push_mut(Group { labels, outcome, count: 0, times: Vec::new() }),
        };
        group.count += 1;
        group.times.extend(sample.time);
    }
    for Group { labels: Labels { queue, kind }, outcome, count, times } in groups {
        let (queue, kind) = (|| Arc::clone(queue), || Arc::clone(kind));
        counter!(FINISHED, "queue" => queue(), "kind" => kind(), "outcome" => outcome).increment(count);
        if !times.is_empty() {
            let histogram = histogram!(JOB_DURATION, "queue" => queue(), "kind" => kind());
            times.into_iter().for_each(|time| histogram.record(time));
        }
    }
}

/// Attempts that are counted as one.
struct Group<'a> {
    labels: &'a Labels,
    outcome: &'static str,
    count: u64,
    times: Vec<Duration>,
}

fn word(outcome: &Outcome, verdict: Verdict, in_transaction: bool) -> &'static str {
    match (verdict, outcome) {
        // Where the transaction was committed the job has ended, and nothing is left to report of.
        (Verdict::LeaseLost, _) if in_transaction => "completed",
        (Verdict::LeaseLost, _) => "lease_lost",
        (Verdict::Accepted(State::Completed), _) => "completed",
        (Verdict::Accepted(State::Cancelled), _) => "cancelled",
        (Verdict::Accepted(State::Discarded), _) => "discarded",
        (_, Outcome::Snoozed(_)) => "snoozed",
        (_, Outcome::Released(_)) => "released",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use sidetask_core::Json;

    use super::*;

    #[test]
    fn an_attempt_is_called_after_what_became_of_its_job() {
        use Verdict::{Accepted, LeaseLost};
        let done = Outcome::Completed(Json::from_stored("1"));
        let failed = Outcome::Failed("broken".into());
        let released = Outcome::Released(Duration::ZERO);
        for (outcome, verdict, in_transaction, expected) in [
            (&done, Accepted(State::Completed), false, "completed"),
            (&done, Accepted(State::Cancelled), false, "cancelled"),
            (&done, LeaseLost, false, "lease_lost"),
            (&failed, Accepted(State::Retryable), false, "failed"),
            (&failed, Accepted(State::Available), false, "failed"),
            (&failed, Accepted(State::Discarded), false, "discarded"),
            (&failed, Accepted(State::Retryable), true, "failed"),
            (&failed, LeaseLost, true, "completed"),
            (&released, Accepted(State::Available), false, "released"),
            (&Outcome::Snoozed(Duration::MAX), Accepted(State::Scheduled), false, "snoozed"),
        ] {
            assert_eq!(word(outcome, verdict, in_transaction), expected, "{outcome:?} {verdict:?}");
        }
    }
}
