use std::fmt;

use sidetask_core::{JobId, State};

/// Something that must not have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// The job was acknowledged, has not ended, and is not there.
    Lost {
        /// The job.
        job: JobId,
    },
    /// More than one report of one attempt was accepted.
    FinalizedTwice {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// Its fence.
        fence: u64,
        /// The states that the reports led to.
        states: Vec<State>,
    },
    /// The job ended more often than once, and once for each retry by hand.
    EndedTwice {
        /// The job.
        job: JobId,
        /// The states that it ended in.
        states: Vec<State>,
    },
    /// One fence was given out twice.
    FenceReused {
        /// The job.
        job: JobId,
        /// The fence.
        fence: u64,
        /// The attempts that had it.
        attempts: Vec<u32>,
    },
    /// A later attempt has a lower fence.
    FenceWentBack {
        /// The job.
        job: JobId,
        /// The later attempt, and its fence.
        later: (u32, u64),
        /// An earlier one, and its fence.
        earlier: (u32, u64),
    },
    /// The job went from one state to another that does not follow, by what [`State`] says of each.
    Moved {
        /// The job.
        job: JobId,
        /// The state that it was in.
        from: State,
        /// The state that it went to.
        to: State,
    },
    /// The job had more attempts than it may.
    TooManyAttempts {
        /// The job.
        job: JobId,
        /// The highest attempt.
        attempt: u32,
        /// How many there may be.
        max_attempts: u32,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { job } => write!(f, "job {job} was acknowledged and is lost"),
            Self::FinalizedTwice { job, attempt, fence, states } => {
                write!(f, "attempt {attempt} (fence {fence}) of job {job} was finalized as {}", listed(states))
            }
            Self::EndedTwice { job, states } => write!(f, "job {job} ended as {}", listed(states)),
            Self::FenceReused { job, fence, attempts } => {
                write!(f, "fence {fence} of job {job} was given to attempts {}", listed(attempts))
            }
            Self::FenceWentBack { job, later, earlier } => write!(
                f,
                "attempt {} of job {job} has fence {}, and attempt {} before it has fence {}",
                later.0, later.1, earlier.0, earlier.1
            ),
            Self::Moved { job, from, to } => write!(f, "job {job} went from {from} to {to}"),
            Self::TooManyAttempts { job, attempt, max_attempts } => {
                write!(f, "job {job} had attempt {attempt}, and {max_attempts} are allowed")
            }
        }
    }
}

fn listed<T: ToString>(things: &[T]) -> String {
    things.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
