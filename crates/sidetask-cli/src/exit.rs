//! How the program ends, and what it says when it does not end well.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::output::clean;

/// What the process answers to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Done,
    /// Something failed: the store, a job that was waited for, a check.
    Failed,
    /// What was asked is not understood: flags, a filter, an id, JSON.
    Usage,
    /// There is no such thing, or a change matched nothing.
    NotFound,
    /// It is in another state than was thought.
    Conflict,
    /// It took longer than was allowed.
    TimedOut,
    /// A second signal came while the first was being heeded.
    Aborted(Signal),
}

/// A signal that asks a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has it"))]
    Terminate,
}

impl Exit {
    fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Conflict => 4,
            Self::TimedOut => 124,
            // As shells count processes that a signal ended.
            Self::Aborted(Signal::Interrupt) => 128 + 2,
            Self::Aborted(Signal::Terminate) => 128 + 15,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.number().into()
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Empty where everything was said already, or nobody is there to read it.
    message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Ends with this code and says nothing more.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Adds what caused it.
    pub(crate) fn because(mut self, cause: impl std::fmt::Display) -> Self {
        // Writing to text does not fail.
        let _ = write!(self.message, ": {cause}");
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Says it on standard error.
    pub(crate) fn tell(&self) {
        if !self.message.is_empty() {
            let lines: Vec<String> = self.message.lines().map(clean).collect();
            say(&format!("error: {}", lines.join("\n")));
        }
    }
}

/// A line on standard error. Where nobody can read it, it is lost.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

impl From<sidetask::Error> for Failure {
    fn from(error: sidetask::Error) -> Self {
        let is_usage = error.is_filter()
            || error.is_invalid_id()
            || error.is_url()
            || error.is_configuration()
            || error.is_decode()
            || error.is_encode()
            || error.is_too_large()
            || error.is_unknown_kind();
        let exit = if is_usage {
            Exit::Usage
        } else if error.is_not_found() {
            Exit::NotFound
        } else if error.is_conflict() {
            Exit::Conflict
        } else if error.is_timeout() {
            Exit::TimedOut
        } else {
            Exit::Failed
        };
        let mut failure = Self::new(exit, error.to_string());
        let mut cause = error.source();
        while let Some(source) = cause {
            failure = failure.because(source);
            cause = source.source();
        }
        failure
    }
}

/// Output that cannot be written. Whoever closed the pipe has read enough.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(Exit::Done),
            _ => Self::failed("cannot write to standard output").because(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_end_the_program_with_the_code_that_says_what_kind_they_are() {
        for (error, code) in [
            (sidetask::Error::filter("x"), 2),
            (sidetask::Error::configuration(&["x".into()]), 2),
            (sidetask::Error::no_such_queue("x", &[]), 3),
            (sidetask::Error::conflict("x"), 4),
            (sidetask::Error::closed("store"), 1),
        ] {
            assert_eq!(Failure::from(error).exit.number(), code);
        }
        assert_eq!(Exit::TimedOut.number(), 124);
        assert_eq!(Exit::Aborted(Signal::Terminate).number(), 143);
    }

    #[test]
    fn a_failure_names_every_cause_and_a_closed_pipe_is_none() {
        let storage = sidetask::Error::storage("cannot list", io::Error::other("the disk is gone"));
        assert_eq!(Failure::from(storage).message, "cannot list: the disk is gone");
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.exit, closed.message.as_str()), (Exit::Done, ""));
    }
}
