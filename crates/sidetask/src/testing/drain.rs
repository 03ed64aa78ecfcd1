//! Running jobs until none is left.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sidetask_core::lifecycle::Outcome;
use sidetask_core::{Clock as _, Error, Finish, JobId, JobRecord, Store, Timestamp};

use super::JobRun;
use super::job_run::told;
use super::queue::Inner;
use super::run::How;
use crate::rate::Admission;
use crate::schedule::Ticks;
use crate::worker::Periodic;

/// What a drain did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Drained {
    /// The attempts, in the order in which they ran.
    pub runs: Vec<JobRun>,
    /// The jobs that have not ended: scheduled for later, of kinds that the queue does not know, of paused queues, held in
    /// their lanes.
    pub left: Vec<JobRecord>,
}

impl Drained {
    /// Whether every attempt completed and no job is left.
    pub fn is_clean(&self) -> bool {
        let completed = |run: &JobRun| matches!(run.outcome, Outcome::Completed(_));
        self.left.is_empty() && self.runs.iter().all(completed)
    }

    /// The attempts of jobs of this kind, in the order in which they ran.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a JobRun> {
        self.runs.iter().filter(move |run| run.record.kind == kind)
    }
}

/// One line for each attempt, and one for each job that is left.
impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.runs.iter().try_for_each(|run| writeln!(f, "{run}"))?;
        self.left.iter().try_for_each(|job| writeln!(f, "{} {}: {}, left", job.kind, job.args.as_str(), job.state))
    }
}

/// How far a drain goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    NothingIsDue,
    Idle,
    HasPassed(Duration),
}

/// What a drain may take before it counts as endless.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) attempts: usize,
    pub(super) time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { attempts: 10_000, time: Duration::from_secs(365 * 24 * 60 * 60) }
    }
}

impl Inner {
    pub(super) async fn drain(&self, until: Until) -> Result<Drained, Error> {
        let begun = self.clock.now();
        let end = match until {
            Until::HasPassed(duration) => begun.after(duration),
            _ => begun.after(self.bounds.time),
        };
        let mut runs = Vec::new();
        let mut steps = 0;
        loop {
            self.offer_ticks().await?;
            self.recorder.promote(usize::MAX).await?;
            let Some(job) = self.recorder.memory.first(&self.kinds) else {
                let next = match until {
                    Until::NothingIsDue => None,
                    Until::Idle => self.recorder.memory.next_due(),
                    Until::HasPassed(_) => self.recorder.memory.next_due().into_iter().chain(self.next_tick()).min(),
                };
                match next {
                    Some(at) if at <= end => self.clock.advance(at.since(self.clock.now())),
                    Some(_) if matches!(until, Until::Idle) => return Err(self.endless(begun, &runs)),
                    _ => break,
                }
                continue;
            };
            if steps == self.bounds.attempts {
                return Err(self.endless(begun, &runs));
            }
            steps += 1;
            runs.extend(self.step(job).await?);
        }
        if matches!(until, Until::HasPassed(_)) {
            self.clock.advance(end.since(self.clock.now()));
        }
        let mut left = self.recorder.memory.all();
        left.retain(|job| !job.state.is_final());
        Ok(Drained { runs, left })
    }

    /// Runs one attempt, where the rate limit of the job's kind lets it begin. Otherwise gives the job back until its turn.
    async fn step(&self, job: JobId) -> Result<Option<JobRun>, Error> {
        let definition = self.know(&self.record(job).await?.kind)?;
        if let Some(limit) = &definition.options().rate_limit
            && let Admission::Later(wait) = self.limiter(limit).admit(job, self.clock.elapsed(), false)
        {
            let token = self.claim(job, self.worker, Duration::MAX, None).await?.token;
            let outcome = Outcome::Released(wait);
            self.recorder.finish(vec![Finish { token, outcome, retry_in: Duration::ZERO, log: None }]).await?;
            return Ok(None);
        }
        self.run(job, &How::default()).await.map(Some)
    }

    /// Says what goes on for ever.
    fn endless(&self, begun: Timestamp, runs: &[JobRun]) -> Error {
        let mut kinds: BTreeMap<&str, (usize, &JobRun)> = BTreeMap::new();
        for run in runs {
            kinds
                .entry(&run.record.kind)
                .and_modify(|(count, last)| (*count, *last) = (*count + 1, run))
                .or_insert((1, run));
        }
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let often: Vec<String> = kinds
            .iter()
            .take(MOST_NAMED)
            .map(|(kind, (count, last))| format!("`{kind}` ran {count} times and last {}", told(&last.outcome)))
            .collect();
        let often = if often.is_empty() { "nothing ran".to_owned() } else { often.join("; ") };
        let left = self.recorder.memory.all().iter().filter(|job| !job.state.is_final()).count();
        Error::unfinished(format!(
            "the drain does not come to an end: after {} attempts, and {:?} on its clock, {left} jobs have not ended: {often}; \
             end what repeats itself, use `drain` or `drain_for`, or allow more when the queue is built",
            runs.len(),
            self.clock.now().since(begun),
        ))
    }
}

/// How many kinds an error names.
const MOST_NAMED: usize = 3;

/// The schedules of a queue.
#[derive(Debug)]
pub(super) struct Periods(Vec<Period>);

#[derive(Debug)]
struct Period {
    periodic: Periodic,
    ticks: Ticks,
    taken: Mutex<Option<Timestamp>>,
}

impl Periods {
    pub(super) fn new(schedules: Vec<Periodic>, ticks: Vec<Ticks>) -> Self {
        let periods = schedules.into_iter().zip(ticks);
        Self(periods.map(|(periodic, ticks)| Period { periodic, ticks, taken: Mutex::default() }).collect())
    }
}

impl Inner {
    /// Stores the jobs of the latest ticks, as a worker does that was there since the queue was made.
    async fn offer_ticks(&self) -> Result<(), Error> {
        let now = self.clock.now();
        for Period { periodic, ticks, taken } in &self.periods.0 {
            let last = *taken.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(at) = periodic.schedule.due(ticks, now, last) else { continue };
            let missed = at < now.before(self.clock.elapsed());
            let name = periodic.schedule.name();
            let job = periodic.job(at, missed).map_err(|error| {
                Error::configuration(&[format!(
                    "the tick of schedule `{name}` at {at} has no job that could be stored: {error}"
                )])
            })?;
            self.recorder.enqueue(vec![job]).await?;
            *taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        }
        Ok(())
    }

    fn next_tick(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        self.periods.0.iter().filter_map(|period| period.ticks.next(now)).min()
    }
}
