//! What happened to jobs, and what of it must not have happened.

use std::collections::BTreeMap;

use sidetask_core::{Error, JobId, JobRecord, State, Timestamp, Token, Verdict};

mod check;
mod event;
mod violation;

pub use check::Report;
pub use event::Event;
pub use violation::Violation;

/// What happened to jobs, told from as many processes as there are, and in any order.
///
/// Times are those of one clock: processes of one machine share one. What was not told is not missed, with one
/// exception: an acknowledged job must have ended or still be there. So little can be told, a test's
/// acknowledgements alone for instance, and the more is told the more is found.
///
/// Processes tell by lines on their standard output: an [`Event`] is written as one, and [`hear`](Self::hear) reads it.
///
/// ```
/// use sidetask_core::{IdSource, State, Timestamp, Token, Verdict};
/// use sidetask_testing::faults::History;
/// use sidetask_testing::faults::history::Event;
///
/// let (ids, at) = (IdSource::new(), Timestamp::from_micros(0));
/// let (job, worker) = (ids.job(at), ids.worker(at));
///
/// let mut history = History::new();
/// history.acknowledged(job);
/// // Such a line comes from a process: `println!("{}", Event::Began { .. })`.
/// let line = Event::Began { job, attempt: 1, fence: 1, at }.to_string();
/// assert!(history.hear(&line)?);
/// let token = Token { job, attempt: 1, fence: 1, worker };
/// history.finalized(&token, &Verdict::Accepted(State::Completed));
/// history.check().assert_sound();
///
/// // A second worker has its report accepted as well.
/// history.finalized(&Token { fence: 2, ..token }, &Verdict::Accepted(State::Completed));
/// assert_eq!(history.check().violations.len(), 1);
/// # Ok::<(), sidetask_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct History {
    jobs: BTreeMap<JobId, Told>,
    max_attempts: Option<u32>,
}

/// What was told of one job.
#[derive(Clone, Debug, Default)]
struct Told {
    is_acknowledged: bool,
    runs: Vec<Run>,
    ends: Vec<Run>,
    finalizations: Vec<Finalization>,
    sightings: Vec<(Timestamp, State)>,
    moves: Vec<(State, State)>,
    rescues: Vec<Timestamp>,
    retries: Vec<Timestamp>,
}

/// When an attempt began or ended.
#[derive(Clone, Copy, Debug)]
struct Run {
    attempt: u32,
    fence: u64,
    at: Timestamp,
}

/// A report that was accepted.
#[derive(Clone, Copy, Debug)]
struct Finalization {
    attempt: u32,
    fence: u64,
    state: State,
}

impl History {
    /// A history in which nothing has happened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has every attempt of a number above this found, whatever the job's own limit. That one applies as well where its
    /// record is known. Each [`retried`](Self::retried) allows one more.
    #[must_use]
    pub const fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = Some(max_attempts);
        self
    }

    /// The job was acknowledged: from now on it must not be lost.
    pub fn acknowledged(&mut self, job: JobId) {
        self.add(Event::Acknowledged { job });
    }

    /// The function of an attempt began.
    pub fn began(&mut self, job: JobId, attempt: u32, fence: u64, at: Timestamp) {
        self.add(Event::Began { job, attempt, fence, at });
    }

    /// The function of an attempt returned.
    pub fn ended(&mut self, job: JobId, attempt: u32, fence: u64, at: Timestamp) {
        self.add(Event::Ended { job, attempt, fence, at });
    }

    /// The store answered a worker's report.
    pub fn finalized(&mut self, token: &Token, verdict: &Verdict) {
        let Token { job, attempt, fence, .. } = *token;
        let state = match verdict {
            Verdict::Accepted(state) => Some(*state),
            _ => None,
        };
        self.add(Event::Finalized { job, attempt, fence, state });
    }

    /// Somebody looked, and the job was in this state.
    pub fn saw(&mut self, job: JobId, state: State, at: Timestamp) {
        self.add(Event::Saw { job, state, at });
    }

    /// The job went from one state to another with nothing between the two.
    pub fn moved(&mut self, job: JobId, from: State, to: State) {
        self.add(Event::Moved { job, from, to });
    }

    /// The job was taken back from a worker whose lease had expired.
    pub fn rescued(&mut self, job: JobId, at: Timestamp) {
        self.add(Event::Rescued { job, at });
    }

    /// Somebody retried the job by hand.
    pub fn retried(&mut self, job: JobId, at: Timestamp) {
        self.add(Event::Retried { job, at });
    }

    /// Adds what happened.
    pub fn add(&mut self, event: Event) {
        let told = self.jobs.entry(event.job()).or_default();
        match event {
            Event::Acknowledged { .. } => told.is_acknowledged = true,
            Event::Began { attempt, fence, at, .. } => told.runs.push(Run { attempt, fence, at }),
            Event::Ended { attempt, fence, at, .. } => told.ends.push(Run { attempt, fence, at }),
            Event::Finalized { attempt, fence, state: Some(state), .. } => {
                told.finalizations.push(Finalization { attempt, fence, state });
            }
            // Nothing came of it.
            Event::Finalized { state: None, .. } => {}
            Event::Saw { state, at, .. } => told.sightings.push((at, state)),
            Event::Moved { from, to, .. } => told.moves.push((from, to)),
            Event::Rescued { at, .. } => told.rescues.push(at),
            Event::Retried { at, .. } => told.retries.push(at),
        }
    }

    /// Adds what a line of a process says, and answers whether it said anything: other lines may stand between.
    ///
    /// Fails where the line begins as an event and cannot be read. A line that was not written to its end, because its
    /// process died, says nothing.
    pub fn hear(&mut self, line: &str) -> Result<bool, Error> {
        let event = Event::read(line)?;
        let says = event.is_some();
        event.into_iter().for_each(|event| self.add(event));
        Ok(says)
    }

    /// As [`hear`](Self::hear), for all lines of a process. Answers how many events there were.
    pub fn hear_all<L: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = L>) -> Result<usize, Error> {
        let mut events = 0;
        for line in lines {
            events += usize::from(self.hear(line.as_ref())?);
        }
        Ok(events)
    }

    /// How many jobs were acknowledged.
    pub fn acknowledgements(&self) -> usize {
        self.jobs.values().filter(|told| told.is_acknowledged).count()
    }

    /// Looks for what must not have happened, where everything was told and no record is left: an acknowledged job that
    /// was not heard to end is lost.
    pub fn check(&self) -> Report {
        self.check_against(&[])
    }

    /// Looks for what must not have happened, with the records that the store has now. All of them: an acknowledged job
    /// that has none and was not heard to end is lost.
    pub fn check_against(&self, records: &[JobRecord]) -> Report {
        check::check(self, records)
    }
}
