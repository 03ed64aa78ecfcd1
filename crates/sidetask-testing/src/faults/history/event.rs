use std::fmt;
use std::str::{FromStr, SplitWhitespace};

use sidetask_core::{Error, JobId, State, Timestamp};

/// Something that happened to a job. [`History`](super::History) has a method for each, which says more.
///
/// Its `Display` is a line that [`History::hear`](super::History::hear) reads: `sidetask-history`, what happened, the
/// job's id, what else there is to say, with times in microseconds since 1970, and a full stop, without which a line is
/// not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It was acknowledged.
    #[expect(missing_docs, reason = "the enum and the history's method say what they are")]
    Acknowledged { job: JobId },
    /// The function of an attempt began.
    #[expect(missing_docs, reason = "the enum and the history's method say what they are")]
    Began { job: JobId, attempt: u32, fence: u64, at: Timestamp },
    /// The function of an attempt returned.
    #[expect(missing_docs, reason = "the enum and the history's method say what they are")]
    Ended { job: JobId, attempt: u32, fence: u64, at: Timestamp },
    /// The store answered the report of an attempt: the state that the job is in by it, or none where the lease was lost.
    #[expect(missing_docs, reason = "the enum and the history's method say what they are")]
    Finalized { job: JobId, attempt: u32, fence: u64, state: Option<State> },
    /// It was in this state.
    #[expect(missing_docs, reason = "the enum and the history's method say what they are")]
    Saw { job: JobId, state: State, at: Timestamp },
    /// It went from one state to the next.
    #[expect(missing_docs, reason = "the enum and the history's method say what they are")]
    Moved { job: JobId, from: State, to: State },
    /// It was taken back from a worker whose lease had expired.
    #[expect(missing_docs, reason = "the enum and the history's method say what they are")]
    Rescued { job: JobId, at: Timestamp },
    /// Somebody retried it by hand.
    #[expect(missing_docs, reason = "the enum and the history's method say what they are")]
    Retried { job: JobId, at: Timestamp },
}

const MARK: &str = "sidetask-history";

/// What stands for the state where a report was not accepted.
const LEASE_LOST: &str = "lease-lost";

const END: &str = ".";

impl Event {
    /// The job that it is about.
    pub const fn job(&self) -> JobId {
        match self {
            Self::Acknowledged { job }
            | Self::Began { job, .. }
            | Self::Ended { job, .. }
            | Self::Finalized { job, .. }
            | Self::Saw { job, .. }
            | Self::Moved { job, .. }
            | Self::Rescued { job, .. }
            | Self::Retried { job, .. } => *job,
        }
    }

    /// What a line says; nothing where it is another's, or not whole.
    pub(super) fn read(line: &str) -> Result<Option<Self>, Error> {
        let mut words = line.split_whitespace();
        if words.next() != Some(MARK) || words.next_back() != Some(END) {
            return Ok(None);
        }
        let event = Self::read_words(&mut words).filter(|_| words.next().is_none());
        let unread = || Error::configuration(&[format!("`{line}` is not a line of a history: write it as an `Event`")]);
        event.map(Some).ok_or_else(unread)
    }

    fn read_words(words: &mut SplitWhitespace<'_>) -> Option<Self> {
        let what = words.next()?;
        let job = word(words)?;
        Some(match what {
            "acknowledged" => Self::Acknowledged { job },
            "began" => Self::Began { job, attempt: word(words)?, fence: word(words)?, at: time(words)? },
            "ended" => Self::Ended { job, attempt: word(words)?, fence: word(words)?, at: time(words)? },
            "finalized" => {
                let (attempt, fence) = (word(words)?, word(words)?);
                let state = match words.next()? {
                    LEASE_LOST => None,
                    state => Some(state.parse().ok()?),
                };
                Self::Finalized { job, attempt, fence, state }
            }
            "saw" => Self::Saw { job, state: word(words)?, at: time(words)? },
            "moved" => Self::Moved { job, from: word(words)?, to: word(words)? },
            "rescued" => Self::Rescued { job, at: time(words)? },
            "retried" => Self::Retried { job, at: time(words)? },
            _ => return None,
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK} ")?;
        match self {
            Self::Acknowledged { job } => write!(f, "acknowledged {job}"),
            Self::Began { job, attempt, fence, at } => write!(f, "began {job} {attempt} {fence} {}", at.as_micros()),
            Self::Ended { job, attempt, fence, at } => write!(f, "ended {job} {attempt} {fence} {}", at.as_micros()),
            Self::Finalized { job, attempt, fence, state } => {
                let state = state.map_or(LEASE_LOST, State::as_str);
                write!(f, "finalized {job} {attempt} {fence} {state}")
            }
            Self::Saw { job, state, at } => write!(f, "saw {job} {state} {}", at.as_micros()),
            Self::Moved { job, from, to } => write!(f, "moved {job} {from} {to}"),
            Self::Rescued { job, at } => write!(f, "rescued {job} {}", at.as_micros()),
            Self::Retried { job, at } => write!(f, "retried {job} {}", at.as_micros()),
        }?;
        write!(f, " {END}")
    }
}

fn word<T: FromStr>(words: &mut SplitWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

fn time(words: &mut SplitWhitespace<'_>) -> Option<Timestamp> {
    word(words).map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use sidetask_core::IdSource;

    use super::*;

    fn all() -> [Event; 9] {
        let at = Timestamp::from_micros(-5);
        let job = IdSource::new().job(Timestamp::from_micros(0));
        [
            Event::Acknowledged { job },
            Event::Began { job, attempt: 2, fence: 3, at },
            Event::Ended { job, attempt: 2, fence: 3, at },
            Event::Finalized { job, attempt: 2, fence: 3, state: Some(State::Retryable) },
            Event::Finalized { job, attempt: 2, fence: 3, state: None },
            Event::Saw { job, state: State::Running, at },
            Event::Moved { job, from: State::Running, to: State::Completed },
            Event::Rescued { job, at },
            Event::Retried { job, at },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for event in all() {
            let line = event.to_string();
            assert_eq!(Event::read(&line).unwrap(), Some(event), "{line}");
            // Such a line is of a process that was killed in the middle of it.
            for end in 0..line.len() {
                assert_eq!(Event::read(&line[..end]).unwrap(), None, "{}", &line[..end]);
            }
        }
    }

    #[test]
    fn what_is_damaged_is_refused_and_what_is_others_passed_over() {
        for event in all() {
            let line = event.to_string();
            for wrong in [line.replace(" .", " 1 ."), line.replace(&event.job().to_string(), "nobody")] {
                assert!(Event::read(&wrong).unwrap_err().is_configuration(), "{wrong}");
            }
        }
        assert!(Event::read("sidetask-history .").is_err());
        for other in ["", "ready", "began 1 2 3", "sidetask-histories began ."] {
            assert_eq!(Event::read(other).unwrap(), None);
        }
    }
}
