use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use crate::{Error, JobId, Json, Timestamp, TraceParent, When};

/// A call with everything settled, as a store is given it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a store must see every field, and a new one must stop it")]
pub struct NewJob {
    /// The function that it calls.
    pub kind: Cow<'static, str>,
    /// The queue.
    pub queue: Cow<'static, str>,
    /// The arguments.
    pub args: Json,
    /// How many attempts it may use.
    pub max_attempts: u32,
    /// This call's own time limit for an attempt.
    pub timeout: Option<Duration>,
    /// Smaller is earlier.
    pub priority: i16,
    /// When it is due.
    pub when: When,
    /// Its idempotency key.
    pub key: Option<String>,
    /// The id to store it under; `None` has the store make one.
    pub id: Option<JobId>,
    /// The lane that bounds how many are under way at once.
    pub lane: Option<Lane>,
    /// The tick of a schedule that it is for, which has one job at most.
    pub tick: Option<Tick>,
    /// The span that it is enqueued in.
    pub trace: Option<TraceParent>,
    /// Where a client that dispatches sends it, see [`Call::to`](crate::Call::to). Stores take no notice.
    pub to: Option<Cow<'static, str>>,
}

impl NewJob {
    /// The longest name of a kind, a queue or a key, in bytes.
    pub const NAME_BYTES: usize = 256;

    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut faults = Vec::new();
        check_name("kind", &self.kind, &mut faults);
        check_name("queue", &self.queue, &mut faults);
        if let Some(key) = &self.key {
            check_name("idempotency key", key, &mut faults);
        }
        if let Some(lane) = &self.lane {
            check_name("lane", &lane.name, &mut faults);
            if lane.width == 0 {
                faults.push(format!("the limit of lane `{}` is 0: it must be at least 1", lane.name));
            }
        }
        if self.max_attempts == 0 {
            faults.push(format!("max_attempts of a `{}` job is 0: it must be at least 1", self.kind));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::configuration(&faults)) }
    }
}

/// Bounds how many of the jobs with its name are under way at one time: let in, and not ended. The others are held. See
/// [`Call::limit`](crate::Call::limit).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must see every field")]
pub struct Lane {
    /// Its name: 1 to 256 bytes.
    pub name: Cow<'static, str>,
    /// How many of its jobs may be under way with this one; at least 1. A sequence has 1.
    pub width: u32,
}

impl Lane {
    /// Whether a job with this lane may be let in where so many are under way. None has to wait for nobody, whatever is
    /// stored as its width.
    pub const fn lets_in(&self, under_way: u64) -> bool {
        under_way == 0 || under_way < self.width as u64
    }
}

/// One time of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must see every field")]
pub struct Tick {
    /// The schedule's name: 1 to 256 bytes.
    pub schedule: String,
    /// The time. Those of one schedule are taken in their order: none at or before the last one taken.
    pub at: Timestamp,
    /// It is made up for later. Where the store does not know the schedule yet, such a tick is only recorded and no job
    /// stored, so that a first deployment at noon does not run last night's tick.
    pub missed: bool,
}

impl Tick {
    /// What a store does with a job of this tick. `last` is what it keeps of the schedule: the last tick taken, and the
    /// job that was answered for it.
    pub fn verdict(&self, last: Option<(Timestamp, JobId)>) -> TickVerdict {
        match last {
            Some((at, job)) if self.at <= at => TickVerdict::Taken(job),
            None if self.missed => TickVerdict::OnlyRecord,
            _ => TickVerdict::Store,
        }
    }
}

/// What becomes of a job with a tick, see [`Tick::verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must carry out every verdict, and a new one must stop it")]
pub enum TickVerdict {
    /// The tick, or a later one, was taken: nothing is stored, and this job is the answer, as one that existed.
    Taken(JobId),
    /// The tick is recorded with [`JobId::NIL`], which is the answer, as one that existed. No job is stored.
    OnlyRecord,
    /// The job is stored as any other, and the tick recorded with what is answered for it.
    Store,
}

/// Adds what is wrong with a name to `faults`.
pub fn check_name(what: &str, name: &str, faults: &mut Vec<String>) {
    if name.is_empty() || name.len() > NewJob::NAME_BYTES || name.chars().any(char::is_control) {
        faults.push(format!(
            "the {what} must have 1 to {} bytes and no control characters: got {:?} of {} bytes",
            NewJob::NAME_BYTES,
            name.chars().take(32).collect::<String>(),
            name.len()
        ));
    }
}
