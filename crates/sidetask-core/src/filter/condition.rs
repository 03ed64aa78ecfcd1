use std::time::Duration;

use crate::{JobRecord, Timestamp};

/// One thing that must hold of a job, see [`Filter::condition`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Its kind matches.
    Kind(Pattern),
    /// Its queue matches.
    Queue(Pattern),
    /// Its id begins with this text.
    Id(String),
    /// Its idempotency key matches.
    Key(Pattern),
    /// The value at this path of its arguments, each step a member's name or an element's number, is this: compared as
    /// text where it is no string itself.
    Args {
        /// The way there; empty for the arguments as a whole.
        path: Vec<String>,
        /// The value.
        value: String,
    },
    /// It was stored at least this long ago.
    Older(Duration),
    /// It was stored less than this long ago.
    Newer(Duration),
    /// Its kind, queue, key, arguments, output or an error has this text in it, whatever the case of its letters.
    Text(String),
    /// This does not hold.
    Not(Box<Condition>),
}

/// Text in which each `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub(super) String);

impl Condition {
    pub(super) fn holds(&self, _job: &JobRecord, _now: Timestamp) -> bool {
        true
    }
}
