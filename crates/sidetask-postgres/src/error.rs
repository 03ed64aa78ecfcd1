//! What PostgreSQL and its connections report, as this project's errors.

use std::error::Error as StdError;
use std::io;
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
    /// Another transaction came first, so that this one was undone and has to look again.
    Overtaken,
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
        match self {
            Self::Overtaken => true,
            Self::Server(error) => matches!(
                error.code(),
                Some(
                    &SqlState::T_R_SERIALIZATION_FAILURE
                        | &SqlState::T_R_DEADLOCK_DETECTED
                        | &SqlState::LOCK_NOT_AVAILABLE
                        | &SqlState::UNIQUE_VIOLATION
                )
            ),
            _ => false,
        }
    }

    /// Whether it waited for a lock for as long as it may.
    pub(crate) fn is_locked_out(&self) -> bool {
        matches!(self, Self::Server(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }

    /// Whether what was to be stored is to blame: a value that the server does not take, or that breaks a rule or a limit
    /// of its tables.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Server(error) = self else { return false };
        let class = error.code().and_then(|code| code.code().get(..2));
        matches!(class, Some("22" | "23" | "54")) && !self.is_transient()
    }

    /// What PostgreSQL calls the failure.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Server(error) => error.code().map(SqlState::code),
            #[cfg(feature = "sqlx")]
            Self::Foreign { code, .. } => code.as_deref(),
            Self::TimedOut(_) | Self::Overtaken | Self::Decided(_) => None,
        }
    }

    /// Whether the connection ended, so that what had not been committed was undone. What was being committed may have
    /// been or not.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Server(error) if is_lost(error))
    }

    pub(crate) fn explain(self, action: &str) -> Error {
        match self {
            Self::Server(error) => explain(action, error),
            #[cfg(feature = "sqlx")]
            Self::Foreign { code: Some(code), source } => of_code(action, &code, source),
            #[cfg(feature = "sqlx")]
            Self::Foreign { code: None, source } => Error::storage(format!("cannot {action}"), source),
            Self::TimedOut(limit) => Error::storage(
                format!(
                    "cannot {action}: PostgreSQL did not answer in time; it may have been done or not. Look whether the \
                     server can be reached, or raise `statement_timeout`"
                ),
                format!("no answer within {limit:?}"),
            ),
            Self::Overtaken => Error::storage_busy(
                format!("cannot {action}: others change the same all the time; try again later"),
                "other transactions came first",
            ),
            Self::Decided(error) => error,
        }
    }
}

fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("08") || code.code().starts_with("57P"),
        None => error.is_closed() || source_of::<io::Error>(error).is_some(),
    }
}

/// Whether there may be room for one more connection, or a server that takes any, in a moment.
pub(crate) fn is_crowded(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::TOO_MANY_CONNECTIONS | &SqlState::CANNOT_CONNECT_NOW))
}

/// What a statement failed with. `action` completes the sentence "cannot ..".
pub(crate) fn explain(action: &str, error: tokio_postgres::Error) -> Error {
    let cause = cause(&error);
    match error.code() {
        Some(code) => of_code(action, code.code(), cause.into()),
        None if is_lost(&error) => Error::storage(
            format!("cannot {action}: the connection to PostgreSQL was lost; it may have been done or not"),
            cause,
        ),
        None => Error::storage(format!("cannot {action}"), cause),
    }
}

fn of_code(action: &str, code: &str, cause: Box<dyn StdError + Send + Sync>) -> Error {
    match code {
        "42P01" | "3F000" => Error::unusable(format!(
            "cannot {action}: the schema has no tables of sidetask: call `client.migrate()`, or connect with `migrate=true`"
        ))
        .because(cause),
        "42703" | "42883" => Error::unusable(format!(
            "cannot {action}: the tables are not of the version that this program knows: call `client.migrate()`, or use \
             the sidetask that they are of"
        ))
        .because(cause),
        "42501" => Error::refused(
            format!(
                "cannot {action}: the database's user lacks the right: it needs USAGE of the schema, and to select from, \
                 insert into, update and delete from its tables; to migrate it has to own them, and to make a schema that \
                 is missing it needs CREATE on the database"
            ),
            cause,
        ),
        "53100" => Error::storage_full(format!("cannot {action}: the disk of the PostgreSQL server is full"), cause),
        "53300" => Error::storage_busy(format!("cannot {action}: PostgreSQL has no connection left"), cause),
        "40001" | "40P01" | "55P03" => Error::storage_busy(
            format!("cannot {action}: other transactions were in the way for too long; nothing was done: ask again"),
            cause,
        ),
        "57014" => Error::storage(
            format!(
                "cannot {action}: PostgreSQL ended the statement, which took longer than `statement_timeout` or was \
                 cancelled; nothing was done"
            ),
            cause,
        ),
        "25006" => Error::storage(
            format!(
                "cannot {action}: this PostgreSQL takes no changes, it is a standby or was made read-only: name the \
                 primary server, or all servers with `target_session_attrs=read-write`"
            ),
            cause,
        ),
        code if code.starts_with("57P") || code.starts_with("08") => Error::storage(
            format!(
                "cannot {action}: PostgreSQL ended the connection, it shuts down or somebody told it to; it may have been \
                 done or not"
            ),
            cause,
        ),
        _ => Error::storage(format!("cannot {action}"), cause),
    }
}

/// Why there is no connection to `place`.
pub(crate) fn unconnected(place: &str, error: &tokio_postgres::Error) -> Error {
    let cause = cause(error);
    match error.code().map(SqlState::code) {
        Some("28000" | "28P01") => Error::refused(
            format!(
                "PostgreSQL at {place} does not let this user in: look at user and password, and at the server's \
                 pg_hba.conf, which may ask for another `sslmode`"
            ),
            cause,
        ),
        Some("3D000") => {
            Error::refused(format!("there is no such database at {place}: make it, or name another in the URL"), cause)
        }
        Some("42501") => Error::refused(format!("this user may not connect to the database at {place}"), cause),
        Some("53300") => Error::storage_busy(
            format!(
                "PostgreSQL at {place} has no connection left: lower `max_connections` in the URL or raise it on the \
                 server"
            ),
            cause,
        ),
        Some("57P03") => Error::storage(format!("PostgreSQL at {place} takes no connections now"), cause),
        Some("08P01") => Error::refused(
            format!(
                "what answers at {place} does not take how this program connects: behind a pooler by transaction, such as \
                 PgBouncer, say `pooler=transaction` in the URL"
            ),
            cause,
        ),
        Some(_) => Error::storage(format!("cannot connect to PostgreSQL at {place}"), cause),
        None => unanswered(place, error, cause),
    }
}

/// No server said so.
fn unanswered(place: &str, error: &tokio_postgres::Error, cause: String) -> Error {
    let reported = source_of::<io::Error>(error);
    if reported.and_then(|error| error.get_ref()).is_some_and(|inner| inner.is::<rustls::Error>()) {
        return Error::refused(
            format!(
                "the certificate of PostgreSQL at {place} is not one to be trusted, or it cannot be encrypted with: look at \
                 `sslmode`, at `sslrootcert`, and whether the certificate is of this host"
            ),
            cause,
        );
    }
    // The driver has no predicates for these.
    match (error.to_string().as_str(), reported) {
        ("error performing TLS handshake", None) => {
            Error::refused(format!("PostgreSQL at {place} offers no encryption, which this `sslmode` asks for"), cause)
        }
        ("authentication error" | "invalid configuration", _) if cause.contains("password missing") => {
            Error::refused(format!("PostgreSQL at {place} asks for a password, and the URL has none"), cause)
        }
        ("authentication error", _) => Error::refused(
            format!(
                "PostgreSQL at {place} asks for a proof that cannot be given: look at user, password and `sslmode`"
            ),
            cause,
        ),
        ("invalid configuration" | "invalid connection string", _) => {
            Error::configuration(&[format!("the settings for PostgreSQL at {place} do not go together")]).because(cause)
        }
        _ => Error::storage(
            format!("PostgreSQL at {place} cannot be reached: look whether it runs, and at host and port"),
            cause,
        ),
    }
}

/// What was reported, without what it was about: details repeat values, which are nobody's business in a log.
fn cause(error: &tokio_postgres::Error) -> String {
    if let Some(reported) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", reported.message(), reported.code().code());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn source_of<E: StdError + 'static>(error: &tokio_postgres::Error) -> Option<&E> {
    error.source().and_then(<dyn StdError>::downcast_ref)
}
