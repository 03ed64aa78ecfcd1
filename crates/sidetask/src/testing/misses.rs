//! What a failed expectation says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sidetask_core::{JobRecord, State, Timestamp};

use super::Expected;
use super::differences::shown;

/// How many jobs, or kinds, are shown of each sort.
const MOST_SHOWN: usize = 5;

/// How much alike two kinds are, from 0 to 1, where one was perhaps meant for the other.
const SIMILAR: f64 = 0.85;

/// `found` are the jobs as expected, `all` those that the queue has had.
pub(super) fn too_few_or_many(expected: &Expected, found: &[JobRecord], all: &[JobRecord], now: Timestamp) -> String {
    let mut text = match expected.count {
        None => "no job is enqueued as expected".to_owned(),
        Some(count) => format!("{} expected, {} enqueued", jobs(count), found.len()),
    };
    line(&mut text, 1, format_args!("expected: {}", told(expected)));
    if !found.is_empty() {
        line(&mut text, 1, format_args!("as expected:"));
        show(&mut text, found, |_| Vec::new());
    }
    let (ended, enqueued): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|job| job.state.is_final());
    let near = |job: &&JobRecord| expected.is_of_kind(job) && !expected.faults(job, now).is_empty();
    let mut near: Vec<JobRecord> = enqueued.iter().filter(near).cloned().collect();
    near.sort_by_key(|job| expected.faults(job, now).len());
    if !near.is_empty() {
        line(&mut text, 1, format_args!("of this kind, but not as expected:"));
        show(&mut text, &near, |job| expected.faults(job, now));
    }
    let similar = kinds(enqueued.iter().filter(|job| is_similar(expected, &job.kind)));
    if !similar.is_empty() {
        line(&mut text, 1, format_args!("of similar kinds: {similar}"));
    }
    let ended = ended_as(expected, &ended);
    if !ended.is_empty() {
        line(&mut text, 1, format_args!("of this kind, but ended: {ended}"));
    }
    match enqueued.len() {
        0 => line(&mut text, 1, format_args!("nothing is enqueued")),
        _ => line(&mut text, 1, format_args!("enqueued in all: {}", kinds(enqueued.iter()))),
    }
    text
}

pub(super) fn unwanted(expected: &Expected, found: &[JobRecord]) -> String {
    let mut text = format!("{} enqueued that should not be", jobs(found.len()));
    line(&mut text, 1, format_args!("not expected: {}", told(expected)));
    show(&mut text, found, |_| Vec::new());
    text
}

/// What is expected, in words.
fn told(expected: &Expected) -> String {
    let mut told = format!("`{}`", expected.kinds.first().map_or("", |kind| kind));
    let mut add = |part: String| told.push_str(&part);
    if let Some(args) = &expected.args {
        add(format!(", args {}", shown(args)));
    }
    if let Some(queue) = &expected.queue {
        add(format!(", queue `{queue}`"));
    }
    if let Some(key) = &expected.key {
        add(format!(", key `{key}`"));
    }
    if let Some(priority) = expected.priority {
        add(format!(", priority {priority}"));
    }
    if let Some(within) = expected.within {
        add(format!(", due within {within:?}"));
    }
    told
}

/// Adds some jobs, each with what there is to say of it.
fn show(text: &mut String, all: &[JobRecord], faults: impl Fn(&JobRecord) -> Vec<String>) {
    for job in all.iter().take(MOST_SHOWN) {
        let args = shown(job.args.as_str());
        line(text, 2, format_args!("{}: {}, queue `{}`, args {args}", job.id, job.state, job.queue));
        for fault in faults(job) {
            line(text, 3, format_args!("{fault}"));
        }
    }
    if all.len() > MOST_SHOWN {
        line(text, 2, format_args!("and {} more", all.len() - MOST_SHOWN));
    }
}

/// How many jobs there are of each kind, those of which there are most first.
fn kinds<'a>(all: impl Iterator<Item = &'a JobRecord>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    all.for_each(|job| *counts.entry(&job.kind).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = counts.len().saturating_sub(MOST_SHOWN);
    let shown = counts.iter().take(MOST_SHOWN).map(|(kind, count)| format!("`{kind}` ({})", jobs(*count)));
    let more = (more > 0).then(|| format!("and {more} kinds more"));
    shown.chain(more).collect::<Vec<_>>().join(", ")
}

fn ended_as(expected: &Expected, ended: &[JobRecord]) -> String {
    let count = |state: State| ended.iter().filter(|job| expected.is_of_kind(job) && job.state == state).count();
    let counts = State::ALL.into_iter().map(|state| (state, count(state))).filter(|(_, count)| *count > 0);
    counts.map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

/// Whether another kind may have been meant: much the same letters, or the same last part.
fn is_similar(expected: &Expected, kind: &str) -> bool {
    fn last(kind: &str) -> &str {
        kind.rsplit(['.', ':']).next().unwrap_or(kind)
    }
    let alike = |meant: &String| last(meant) == last(kind) || strsim::jaro_winkler(meant, kind) >= SIMILAR;
    !expected.kinds.iter().any(|meant| meant == kind) && expected.kinds.iter().any(alike)
}

fn jobs(count: usize) -> String {
    if count == 1 { "1 job".to_owned() } else { format!("{count} jobs") }
}

fn line(text: &mut String, indent: usize, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = write!(text, "\n{:1$}{line}", "", 2 * indent);
}
