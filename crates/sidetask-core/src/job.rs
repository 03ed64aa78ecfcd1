use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, JobId, Json, Lane, Progress, Timestamp, TraceParent, WorkerId};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum State {
    /// Waits for its time, or for a place in its lane. In: enqueue with a delay or into a full lane, snooze, retry into
    /// a full lane. Out: to `available` when due, when let in, or by retry; to `cancelled` by cancel.
    Scheduled,
    /// Waits for a worker. In: enqueue, promotion when due, retry, rescue, give-back at shutdown. Out: to `running` by
    /// a claim or a hand-off; to `cancelled` by cancel.
    Available,
    /// A worker holds it. In: claim, hand-off. Out: to `completed`, `retryable`, `scheduled`, `discarded`, `cancelled`
    /// by its worker's report; to `available` or `discarded` by rescue when the lease expired.
    Running,
    /// Failed, waits out its backoff. In: a failed attempt with attempts left. Out: to `available` when due, or by
    /// retry; to `cancelled` by cancel.
    Retryable,
    /// Done; the output is kept until purged. In: a successful attempt. Out: to `available` by retry.
    Completed,
    /// Called off. In: cancel, or the task itself. Out: to `available` by retry.
    Cancelled,
    /// Given up on, kept as a dead letter until purged. In: the last attempt failed, or one failed permanently. Out: to
    /// `available` by retry.
    Discarded,
}

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Available,
        Self::Running,
        Self::Retryable,
        Self::Completed,
        Self::Cancelled,
        Self::Discarded,
    ];

    /// The state's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Available => "available",
            Self::Running => "running",
            Self::Retryable => "retryable",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Discarded => "discarded",
        }
    }

    /// Its place in [`State::ALL`], which stores keep. Never changes.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The state with this [`code`](State::code).
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether the job has ended: nothing but a retry by hand moves it any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Discarded)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for State {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::configuration(&[format!("`{text}` is not a state: use one of {names}")])
        })
    }
}

/// What a store keeps of one task given to it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct JobRecord {
    /// Its name.
    pub id: JobId,
    /// The function that it calls.
    pub kind: String,
    /// The queue that it waits in.
    pub queue: String,
    /// Where it stands.
    pub state: State,
    /// How many attempts are used, the running one included.
    pub attempt: u32,
    /// How many attempts it may use.
    pub max_attempts: u32,
    /// How often it was claimed: the fence of its last claim.
    pub fence: u64,
    /// Its own time limit for an attempt, in microseconds where it is serialized.
    #[serde(serialize_with = "as_micros")]
    pub timeout: Option<Duration>,
    /// Jobs with a smaller number are claimed first.
    pub priority: i16,
    /// The arguments.
    pub args: Json,
    /// What the last successful attempt returned.
    pub output: Option<Json>,
    /// What the last attempt to report it said.
    pub progress: Option<Progress>,
    /// The failed attempts, oldest first; of very many, the last [`JobRecord::MAX_ERRORS`].
    pub errors: Vec<AttemptError>,
    /// The idempotency key.
    pub key: Option<String>,
    /// The lane that bounds how many are under way at once.
    pub lane: Option<Lane>,
    /// Whether it waits to be let into its lane. It is `scheduled` then, whatever its time.
    pub held: bool,
    /// Whether a running attempt was asked to stop.
    pub cancel_requested: bool,
    /// The worker that holds it.
    pub worker: Option<WorkerId>,
    /// The span that it was enqueued in.
    pub trace: Option<TraceParent>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it is, or was, due.
    pub run_at: Timestamp,
    /// When its last attempt began.
    pub attempted_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl JobRecord {
    /// How many failed attempts a store keeps of one job.
    pub const MAX_ERRORS: usize = 20;

    /// A record as it is right after its job was stored. For those who write stores.
    pub fn new(id: JobId, kind: String, queue: String, args: Json, state: State, now: Timestamp) -> Self {
        Self {
            id,
            kind,
            queue,
            state,
            attempt: 0,
            max_attempts: 1,
            fence: 0,
            timeout: None,
            priority: 0,
            args,
            output: None,
            progress: None,
            errors: Vec::new(),
            key: None,
            lane: None,
            held: false,
            cancel_requested: false,
            worker: None,
            trace: None,
            created_at: now,
            run_at: now,
            attempted_at: None,
            finished_at: None,
        }
    }
}

fn as_micros<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)).serialize(serializer)
}

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AttemptError {
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// When it ended.
    pub at: Timestamp,
    /// What it said, cut to [`AttemptError::MESSAGE_BYTES`]. Of a panic that a worker caught it is what that said, followed by
    /// ` (file:line)`, and where the environment asks for backtraces then a line `stack backtrace:` and the frames.
    pub message: String,
}

impl AttemptError {
    /// The longest message that is kept, in bytes.
    pub const MESSAGE_BYTES: usize = 8 * 1024;

    /// An error as it is kept, its message cut.
    pub fn new(attempt: u32, at: Timestamp, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(Self::MESSAGE_BYTES));
        Self { attempt, at, message }
    }

    /// Adds an error to those of a job, dropping the oldest over [`JobRecord::MAX_ERRORS`].
    pub fn push(self, errors: &mut Vec<Self>) {
        errors.push(self);
        let surplus = errors.len().saturating_sub(JobRecord::MAX_ERRORS);
        errors.drain(..surplus);
    }

    /// The errors of a job as stores keep them: JSON text without control characters.
    pub fn encode(errors: &[Self]) -> String {
        let stored: Vec<StoredError> = errors
            .iter()
            .map(|error| StoredError { n: error.attempt, t: error.at.as_micros(), m: error.message.clone() })
            .collect();
        // Numbers and text always have a JSON form.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// The errors in such a text; none where it is damaged.
    pub fn decode(text: &str) -> Vec<Self> {
        let stored: Vec<StoredError> = serde_json::from_str(text).unwrap_or_default();
        stored.into_iter().map(|error| Self::new(error.n, Timestamp::from_micros(error.t), error.m)).collect()
    }
}

/// An attempt's error as it is stored: short names, since there may be many.
#[derive(Serialize, Deserialize)]
struct StoredError {
    n: u32,
    t: i64,
    m: String,
}

/// A number of jobs for each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; State::ALL.len()]);

impl Counts {
    /// How many jobs are in `state`.
    pub const fn count(&self, state: State) -> u64 {
        self.0[state.code() as usize]
    }

    /// Sets the number for `state`.
    pub const fn set(&mut self, state: State, count: u64) {
        self.0[state.code() as usize] = count;
    }

    /// Adds the numbers of `other`.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// Every state with its number, in the order of a job's life.
    pub fn iter(&self) -> impl Iterator<Item = (State, u64)> {
        State::ALL.into_iter().zip(self.0)
    }

    /// How many jobs there are in all.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// A map from every state's name to its number.
impl Serialize for Counts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// One queue's numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueueStats {
    /// The queue.
    pub queue: String,
    /// Whether claims from it are held back.
    pub paused: bool,
    /// Its jobs.
    pub counts: Counts,
}

impl QueueStats {
    /// The numbers of one queue.
    pub const fn new(queue: String, paused: bool, counts: Counts) -> Self {
        Self { queue, paused, counts }
    }
}

/// The numbers of every queue that the store has seen, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// One entry a queue.
    pub queues: Vec<QueueStats>,
}

impl Stats {
    /// The numbers of these queues.
    pub const fn new(queues: Vec<QueueStats>) -> Self {
        Self { queues }
    }

    /// All queues together.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for queue in &self.queues {
            total.add(&queue.counts);
        }
        total
    }

    /// One queue's numbers, all zero where the store has not seen it.
    pub fn queue(&self, name: &str) -> Counts {
        self.queues.iter().find(|queue| queue.queue == name).map(|queue| queue.counts).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_states_code_and_name_lead_back_to_it() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(state));
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
        }
        assert_eq!(State::from_code(7), None);
        assert!("done".parse::<State>().unwrap_err().to_string().contains("available"));
    }

    #[test]
    fn counts_that_are_damaged_do_not_overflow() {
        let mut counts = Counts::default();
        counts.set(State::Completed, u64::MAX);
        counts.set(State::Running, u64::MAX);
        let sum = counts;
        counts.add(&sum);
        assert_eq!((counts.count(State::Completed), counts.total()), (u64::MAX, u64::MAX));
    }

    #[test]
    fn errors_outlive_their_stored_form_and_damage_reads_as_none() {
        let errors = [AttemptError::new(1, Timestamp::from_micros(7), "a \0 and a \" in it")];
        let text = AttemptError::encode(&errors);
        assert!(!text.chars().any(char::is_control), "{text}");
        assert_eq!(AttemptError::decode(&text), errors);
        for damaged in ["", "[{", "{}", "[{\"n\":-1}]"] {
            assert_eq!(AttemptError::decode(damaged), []);
        }
    }

    #[test]
    fn errors_are_bounded_in_number_and_length() {
        let mut errors = Vec::new();
        for attempt in 1..=30 {
            AttemptError::new(attempt, Timestamp::from_micros(0), "é".repeat(9000)).push(&mut errors);
        }
        assert_eq!(errors.len(), JobRecord::MAX_ERRORS);
        assert_eq!(errors[0].attempt, 11);
        assert!(errors.iter().all(|error| error.message.len() <= AttemptError::MESSAGE_BYTES));
    }
}
