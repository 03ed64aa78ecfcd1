//! What PostgreSQL and its connections report, as this project's errors.

use std::time::Duration;

use sidetask_core::Error;
use tokio_postgres::error::SqlState;

/// What came of an operation inside this crate: the driver's error where it may be tried again, ours where not.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server or the connection said so.
    Server(tokio_postgres::Error),
    /// The client of a user's transaction said so.
    #[cfg(feature = "sqlx")]
    Foreign { code: Option<String>, source: Box<dyn std::error::Error + Send + Sync> },
    /// Nothing came in this time: the connection is of no use any more.
    TimedOut(Duration),
    /// It is decided.
    Decided(Error),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Decided(error)
    }
}

impl Fault {
    /// Whether the transaction was certainly undone, and may work when it is tried again.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Server(error) if matches!(
            error.code(),
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED | &SqlState::LOCK_NOT_AVAILABLE)
        ))
    }

    /// What PostgreSQL calls the failure.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Server(error) => error.code().map(SqlState::code),
            #[cfg(feature = "sqlx")]
            Self::Foreign { code, .. } => code.as_deref(),
            Self::TimedOut(_) | Self::Decided(_) => None,
        }
    }

    pub(crate) fn explain(self, action: &str) -> Error {
        match self {
            Self::Server(error) => explain(action, error),
            #[cfg(feature = "sqlx")]
            Self::Foreign { source, .. } => Error::storage(format!("cannot {action}"), source),
            Self::TimedOut(limit) => Error::storage(
                format!("cannot {action}: PostgreSQL did not answer; it may have happened or not"),
                format!("no answer within {limit:?}"),
            ),
            Self::Decided(error) => error,
        }
    }
}

/// `action` completes the sentence "cannot ..".
pub(crate) fn explain(action: &str, error: tokio_postgres::Error) -> Error {
    Error::storage(format!("cannot {action}"), error)
}
