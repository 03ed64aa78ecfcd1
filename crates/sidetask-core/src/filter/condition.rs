use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Pattern, args};
use crate::{JobRecord, Timestamp};

/// One thing that must hold of a job, see [`Filter::condition`](crate::Filter::condition).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Its kind matches.
    Kind(Pattern),
    /// Its queue matches.
    Queue(Pattern),
    /// Its id, as it is printed, begins with this text.
    Id(String),
    /// It has an idempotency key, which matches.
    Key(Pattern),
    /// It has a lane, whose name matches.
    Lane(Pattern),
    /// A worker holds it, or held it last, whose id as it is printed begins with this text.
    Worker(String),
    /// So many attempts are used, the running one included.
    Attempt(RangeInclusive<i64>),
    /// Its priority is among these.
    Priority(RangeInclusive<i64>),
    /// There is a value at this path of its arguments, which matches: a string by what it says, anything else by its JSON.
    Args {
        /// The way there, each step a member's name or an element's number; empty for the arguments as a whole.
        path: Vec<String>,
        /// The value.
        value: Pattern,
    },
    /// An error that is kept has this text in it, whatever the case of its letters.
    Error(String),
    /// It was stored at least this long ago.
    Older(Duration),
    /// It was stored less than this long ago.
    Newer(Duration),
    /// Its kind, queue, key, arguments, output or an error has this text in it, whatever the case of its letters.
    /// Arguments and output are searched as the JSON that they are.
    Text(String),
    /// This does not hold.
    Not(Box<Condition>),
}

impl Condition {
    pub(super) fn holds(&self, job: &JobRecord, now: Timestamp) -> bool {
        match self {
            Self::Kind(kind) => kind.matches(&job.kind),
            Self::Queue(queue) => queue.matches(&job.queue),
            Self::Id(prefix) => begins(&job.id.to_string(), prefix),
            Self::Key(key) => job.key.as_ref().is_some_and(|its| key.matches(its)),
            Self::Lane(lane) => job.lane.as_ref().is_some_and(|its| lane.matches(&its.name)),
            Self::Worker(prefix) => job.worker.is_some_and(|its| begins(&its.to_string(), prefix)),
            Self::Attempt(range) => range.contains(&i64::from(job.attempt)),
            Self::Priority(range) => range.contains(&i64::from(job.priority)),
            Self::Args { path, value } => args::find(&job.args, path).is_some_and(|its| value.matches(&its)),
            Self::Error(text) => in_errors(job, &folded(text)),
            Self::Older(age) => now.since(job.created_at) >= *age,
            Self::Newer(age) => now.since(job.created_at) < *age,
            Self::Text(text) => anywhere(job, &folded(text)),
            Self::Not(condition) => !condition.holds(job, now),
        }
    }
}

fn begins(id: &str, prefix: &str) -> bool {
    id.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
}

fn anywhere(job: &JobRecord, folded: &str) -> bool {
    let names = [Some(&job.kind), Some(&job.queue), job.key.as_ref()];
    let values = [Some(&job.args), job.output.as_ref()];
    names.into_iter().flatten().any(|name| has(name, folded))
        || values.into_iter().flatten().any(|value| has(value.as_str(), folded))
        || in_errors(job, folded)
}

fn in_errors(job: &JobRecord, folded: &str) -> bool {
    job.errors.iter().any(|error| has(&error.message, folded))
}

fn has(text: &str, wanted: &str) -> bool {
    folded(text).contains(wanted)
}

/// Text without the case of its letters. Each by itself, since a part of a text must fold as it does in the whole.
fn folded(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().flat_map(char::to_lowercase).collect() }
}
