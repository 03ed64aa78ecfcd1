use std::collections::BTreeMap;
use std::fmt;

use sidetask_core::{JobId, JobRecord, State};

use super::{History, Told, Violation};

/// What a [`History`] comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What must not have happened, job by job.
    pub violations: Vec<Violation>,
    /// How many jobs there were.
    pub jobs: usize,
    /// How many attempts began.
    pub attempts: usize,
    /// How often an attempt began while the one before was under way, with no rescue told between the two. A worker that
    /// lost its lease may cause it, so it is no violation.
    pub overlaps: usize,
    /// How often an attempt began after another of the same job that has a higher fence. It was claimed before and
    /// stopped before it began, so it is no violation either.
    pub late: usize,
}

impl Report {
    /// Whether nothing happened that must not.
    pub fn is_sound(&self) -> bool {
        self.violations.is_empty()
    }

    /// Fails the test, with all violations, where there are any.
    ///
    /// # Panics
    ///
    /// Where the report is not sound.
    #[track_caller]
    pub fn assert_sound(&self) {
        assert!(self.is_sound(), "{self}");
    }
}

/// The figures in one line, and each violation in one.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { violations, jobs, attempts, overlaps, late } = self;
        write!(f, "{} violations in {jobs} jobs, {attempts} attempts", violations.len())?;
        write!(f, " ({overlaps} overlap, {late} late)")?;
        violations.iter().try_for_each(|violation| write!(f, "\n{violation}"))
    }
}

pub(super) fn check(history: &History, records: &[JobRecord]) -> Report {
    let records: BTreeMap<JobId, &JobRecord> = records.iter().map(|record| (record.id, record)).collect();
    let mut report = Report { jobs: history.jobs.len(), ..Report::default() };
    for (&job, told) in &history.jobs {
        let record = records.get(&job).copied();
        report.attempts += told.runs.len();
        report.overlaps += overlaps(told);
        report.late += late(told);
        let found = &mut report.violations;
        found.extend(lost(job, told, record));
        found.extend(finalized_twice(job, told));
        found.extend(ended_twice(job, told));
        found.extend(fences(job, told));
        found.extend(moves(job, told, record));
        found.extend(too_many_attempts(job, told, record, history.max_attempts));
    }
    report
}

fn lost(job: JobId, told: &Told, record: Option<&JobRecord>) -> Option<Violation> {
    let ends = told.finalizations.iter().map(|finalization| finalization.state);
    let mut states = ends.chain(told.sightings.iter().map(|(_, state)| *state));
    let is_accounted_for = record.is_some() || states.any(State::is_final);
    (told.is_acknowledged && !is_accounted_for).then_some(Violation::Lost { job })
}

fn finalized_twice(job: JobId, told: &Told) -> Vec<Violation> {
    let mut claims: BTreeMap<u64, (u32, Vec<State>)> = BTreeMap::new();
    for finalization in &told.finalizations {
        claims.entry(finalization.fence).or_insert((finalization.attempt, Vec::new())).1.push(finalization.state);
    }
    let twice = claims.into_iter().filter(|(_, (_, states))| states.len() > 1);
    twice.map(|(fence, (attempt, states))| Violation::FinalizedTwice { job, attempt, fence, states }).collect()
}

/// Of different attempts: what one attempt did twice is told by the other.
fn ended_twice(job: JobId, told: &Told) -> Option<Violation> {
    let ends = told.finalizations.iter().filter(|finalization| finalization.state.is_final());
    let ends: BTreeMap<u64, State> = ends.map(|finalization| (finalization.fence, finalization.state)).collect();
    let is_too_often = ends.len() > 1 + told.retries.len();
    is_too_often.then(|| Violation::EndedTwice { job, states: ends.into_values().collect() })
}

fn fences(job: JobId, told: &Told) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut claims: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for run in &told.runs {
        claims.entry(run.fence).or_default().push(run.attempt);
    }
    // An attempt that was given back is used again, so numbers may repeat. They never fall.
    let mut highest = (0, 0);
    for (fence, attempts) in claims {
        let lowest = attempts.iter().copied().min().unwrap_or_default();
        if lowest < highest.0 {
            found.push(Violation::FenceWentBack { job, later: highest, earlier: (lowest, fence) });
        }
        highest = highest.max((attempts.iter().copied().max().unwrap_or_default(), fence));
        if attempts.len() > 1 {
            found.push(Violation::FenceReused { job, fence, attempts });
        }
    }
    found
}

fn moves(job: JobId, told: &Told, record: Option<&JobRecord>) -> Vec<Violation> {
    let wrong = told.moves.iter().filter(|(from, to)| !may_follow(*from, *to));
    let mut found: Vec<Violation> = wrong.map(|&(from, to)| Violation::Moved { job, from, to }).collect();

    let mut sightings = told.sightings.clone();
    sightings.sort_by_key(|(at, _)| *at);
    for pair in sightings.windows(2) {
        let [(before, from), (after, to)] = *pair else { continue };
        let is_retried = told.retries.iter().any(|at| (before..=after).contains(at));
        if from.is_final() && from != to && !is_retried {
            found.push(Violation::Moved { job, from, to });
        }
    }

    let ends = told.finalizations.iter().map(|finalization| finalization.state);
    let end = ends.chain(sightings.iter().map(|(_, state)| *state)).find(|state| state.is_final());
    if let (Some(from), Some(record)) = (end, record)
        && from != record.state
        && told.retries.is_empty()
    {
        found.push(Violation::Moved { job, from, to: record.state });
    }
    found.dedup();
    found
}

fn too_many_attempts(
    job: JobId,
    told: &Told,
    record: Option<&JobRecord>,
    max_attempts: Option<u32>,
) -> Option<Violation> {
    let retries = u32::try_from(told.retries.len()).unwrap_or(u32::MAX);
    // A record's own limit has grown with each retry that needed it.
    let limits = [record.map(|record| record.max_attempts), max_attempts.map(|max| max.saturating_add(retries))];
    let max_attempts = limits.into_iter().flatten().min()?;
    let attempts = told.runs.iter().map(|run| run.attempt).chain(record.map(|record| record.attempt));
    let attempt = attempts.max()?;
    (attempt > max_attempts).then_some(Violation::TooManyAttempts { job, attempt, max_attempts })
}

fn overlaps(told: &Told) -> usize {
    let over = |fence: u64| told.ends.iter().filter(|end| end.fence == fence).map(|end| end.at).min();
    let mut overlaps = 0;
    for earlier in &told.runs {
        // One that did not end was killed, and nobody can say when.
        let Some(end) = over(earlier.fence) else { continue };
        let later =
            told.runs.iter().filter(|later| later.fence > earlier.fence && earlier.at <= later.at && later.at < end);
        let is_rescued = |at| told.rescues.iter().any(|rescue| (earlier.at..=at).contains(rescue));
        overlaps += later.filter(|later| !is_rescued(later.at)).count();
    }
    overlaps
}

fn late(told: &Told) -> usize {
    let is_late = |run: &&super::Run| told.runs.iter().any(|other| other.fence > run.fence && other.at < run.at);
    told.runs.iter().filter(is_late).count()
}

/// Whether a job can go from one state to another with nothing between: the ways in and out that [`State`] names. A
/// retry leads to `scheduled` where the job's lane is full.
fn may_follow(from: State, to: State) -> bool {
    use State::{Available, Cancelled, Completed, Discarded, Retryable, Running, Scheduled};
    match from {
        Scheduled => matches!(to, Available | Cancelled),
        Available => matches!(to, Running | Cancelled),
        Running => matches!(to, Completed | Retryable | Scheduled | Discarded | Cancelled | Available),
        Retryable => matches!(to, Available | Scheduled | Cancelled),
        Completed | Cancelled | Discarded => matches!(to, Available | Scheduled),
        _ => false,
    }
}
