use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::{JobId, State};

/// What went wrong. Ask it with the `is_*` predicates; its text says what was asked, what went wrong and what to do.
///
/// A task's own failure is a [`TaskError`](crate::TaskError), which this carries as text once it is stored.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Encode,
    Decode,
    TooLarge,
    InvalidId,
    Url,
    Configuration,
    Unregistered,
    MissingState,
    NotFound,
    Filter { column: Option<usize> },
    Conflict,
    Unusable,
    Unsupported,
    Refused,
    Storage { full: bool, busy: bool },
    LeaseLost,
    NotFinished,
    Discarded,
    Cancelled,
    Panicked,
    Failed,
    TimedOut,
    PoolFull,
    QueueFull,
    Closed,
}

macro_rules! predicates {
    ($($(#[$doc:meta])* $name:ident = $pattern:pat,)*) => {
        impl Error {
            $($(#[$doc])* pub const fn $name(&self) -> bool { matches!(self.0.kind, $pattern) })*
        }
    };
}

predicates! {
    /// A value has no JSON form.
    is_encode = Kind::Encode,
    /// Text is not JSON, or not of the shape that was asked for.
    is_decode = Kind::Decode,
    /// Arguments or an output are over the size limit.
    is_too_large = Kind::TooLarge,
    /// An id is not a UUID.
    is_invalid_id = Kind::InvalidId,
    /// A store's URL is not understood.
    is_url = Kind::Url,
    /// Settings are not usable; the text names every fault.
    is_configuration = Kind::Configuration,
    /// No task of this kind is registered.
    is_unknown_kind = Kind::Unregistered,
    /// A task wants a `#[state]` value that nobody gave.
    is_missing_state = Kind::MissingState,
    /// There is no such job or queue.
    is_not_found = Kind::NotFound,
    /// The database is of another program, of a newer version, or damaged.
    is_unusable = Kind::Unusable,
    /// A filter is not understood; the text points at the column.
    is_filter = Kind::Filter { .. },
    /// What was to be changed was changed by another in the meantime; nothing was done.
    is_conflict = Kind::Conflict,
    /// The store or service behind this client cannot do what was asked; the text says what can.
    is_unsupported = Kind::Unsupported,
    /// The service refused: a name that it does not know, a permission that is not there. Nothing was done, and asking
    /// again will not help.
    is_refused = Kind::Refused,
    /// The store or service failed: the disk, the connection, the database. Asking again may succeed.
    is_storage = Kind::Storage { .. },
    /// The store failed because there is no room left.
    is_full = Kind::Storage { full: true, .. },
    /// The store failed because others held its lock for too long.
    is_busy = Kind::Storage { busy: true, .. },
    /// Another worker has the job by now, or the job has ended: what the holder of the old lease says no longer counts.
    is_lease_lost = Kind::LeaseLost,
    /// The job has not ended yet.
    is_not_finished = Kind::NotFinished,
    /// The job was discarded: its attempts are used up, or it failed permanently.
    is_discarded = Kind::Discarded,
    /// The job or task was cancelled.
    is_cancelled = Kind::Cancelled,
    /// The function panicked.
    is_panic = Kind::Panicked,
    /// A task in process returned an error, which is the [`source`](StdError::source) and can be downcast to its type.
    is_failed = Kind::Failed,
    /// The function did not end in time.
    is_timeout = Kind::TimedOut,
    /// The blocking pool and its queue are full.
    is_pool_full = Kind::PoolFull,
    /// As many tasks wait in this process as may, so that one more was dropped.
    is_queue_full = Kind::QueueFull,
    /// The store, pool or runner is closed.
    is_closed = Kind::Closed,
}

impl Error {
    /// Where a filter is not understood, counted in characters from 1. `None` where that is no one place, and of other
    /// errors.
    pub const fn column(&self) -> Option<usize> {
        match self.0.kind {
            Kind::Filter { column } => column,
            _ => None,
        }
    }
}

/// Constructors, for those who write stores and front ends.
impl Error {
    fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// Adds what caused it, in place of an earlier cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// A value of this type that has no JSON form.
    pub fn encode(type_name: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Encode, format!("a `{type_name}` cannot be written as JSON")).because(source)
    }

    /// Text that is not JSON, or not a value of this type.
    pub fn decode(type_name: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Decode, format!("stored or given text is not a `{type_name}`")).because(source)
    }

    /// Says of an error in decoding arguments which task they do not fit.
    pub(crate) fn unfit(mut self, kind: &str) -> Self {
        self.0.message = format!("the arguments do not fit task `{kind}`").into();
        self
    }

    pub(crate) fn invalid_id(what: &str, text: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let shown: String = text.chars().take(64).collect();
        let message =
            format!("`{shown}` is not a {what} id: it must be a UUID such as 019a5c2e-7d31-7cc0-8a5e-0242ac120002");
        Self::new(Kind::InvalidId, message).because(source)
    }

    /// Says of an error of one job how many of those given together failed. One that was alone stays as it is.
    #[must_use]
    pub fn of_many(mut self, failed: usize, all: usize) -> Self {
        if all > 1 {
            self.0.message =
                format!("{failed} of {all} jobs were not accepted, the first of them: {}", self.0.message).into();
        }
        self
    }

    /// The same error for each of `count` jobs. Only one can have the cause; the others have its text.
    pub fn repeated(self, count: usize) -> Vec<Self> {
        let mut errors: Vec<Self> = (1..count)
            .map(|_| {
                let error = Self::new(self.0.kind, self.0.message.clone());
                match &self.0.source {
                    Some(source) => error.because(source.to_string()),
                    None => error,
                }
            })
            .collect();
        errors.extend((count > 0).then_some(self));
        errors
    }

    /// Arguments or an output of `size` bytes, over `limit`.
    pub fn too_large(what: &str, size: usize, limit: usize) -> Self {
        let advice = "store large data elsewhere and pass a reference, or raise the limit";
        Self::over_limit(what, size, limit, advice)
    }

    /// The same, with what to do about it.
    pub fn over_limit(what: &str, size: usize, limit: usize, advice: &str) -> Self {
        let message = format!("{what} of {size} bytes is over the limit of {limit} bytes: {advice}");
        Self::new(Kind::TooLarge, message)
    }

    /// A URL that is not understood.
    pub fn url(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Url, message)
    }

    /// Unusable settings: every fault, in one message.
    pub fn configuration(faults: &[String]) -> Self {
        Self::new(Kind::Configuration, faults.join("; "))
    }

    /// A kind that nobody registered.
    pub fn unknown_kind(kind: &str) -> Self {
        let message = format!(
            "no task of kind `{kind}` is registered here: mark the function `#[task]` and link its crate, or add it to \
             the registry"
        );
        Self::new(Kind::Unregistered, message)
    }

    /// A `#[state]` value that nobody gave.
    pub fn missing_state(kind: &str, type_name: &str) -> Self {
        let message =
            format!("task `{kind}` needs a `#[state]` value of type `{type_name}`: give it with `.state(value)`");
        Self::new(Kind::MissingState, message)
    }

    /// A job that the store does not have.
    pub fn no_such_job(id: JobId) -> Self {
        let message = format!("there is no job {id}: it was never stored here, or was purged after its retention");
        Self::new(Kind::NotFound, message)
    }

    /// A queue that the store has never seen.
    pub fn no_such_queue(queue: &str, known: &[String]) -> Self {
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        Self::new(Kind::NotFound, format!("there is no queue `{queue}`: queues seen so far: {known}"))
    }

    /// A filter that is not understood.
    pub fn filter(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Filter { column: None }, message)
    }

    /// The same, with the [column](Self::column) at which it is not.
    pub(crate) fn filter_at(column: usize, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Filter { column: Some(column) }, message)
    }

    /// Something that another changed in the meantime.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// A database that must not be used.
    pub fn unusable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unusable, message)
    }

    /// Something that the store or service cannot do.
    pub fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unsupported, message)
    }

    /// A service that says no.
    pub fn refused(message: impl Into<Cow<'static, str>>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Refused, message).because(source)
    }

    /// A failing store.
    pub fn storage(message: impl Into<Cow<'static, str>>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Storage { full: false, busy: false }, message).because(source)
    }

    /// A store with no room left.
    pub fn storage_full(
        message: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::new(Kind::Storage { full: true, busy: false }, message).because(source)
    }

    /// A store whose lock others held for too long.
    pub fn storage_busy(
        message: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::new(Kind::Storage { full: false, busy: true }, message).because(source)
    }

    /// A holder whose lease is gone.
    pub fn lease_lost(what: impl fmt::Display) -> Self {
        Self::new(Kind::LeaseLost, format!("the lease of {what} is lost: nothing it reports counts any more"))
    }

    /// An output asked for before the job ended.
    pub fn not_finished(id: JobId, state: State) -> Self {
        Self::new(Kind::NotFinished, format!("job {id} has no output yet: it is {state}"))
    }

    /// Jobs that have not ended where they should have.
    pub fn unfinished(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFinished, message)
    }

    /// A job that ended without an output.
    pub fn discarded(id: JobId, last: &str) -> Self {
        Self::new(Kind::Discarded, format!("job {id} was discarded: {last}"))
    }

    /// A job, or a task of a list, that was cancelled.
    pub fn cancelled(what: impl fmt::Display) -> Self {
        Self::new(Kind::Cancelled, format!("{what} was cancelled"))
    }

    /// A function that panicked.
    pub fn panicked(name: &str, message: &str) -> Self {
        Self::new(Kind::Panicked, format!("`{name}` panicked: {message}"))
    }

    /// A task that returned an error.
    pub fn failed(what: impl fmt::Display, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Failed, format!("{what} failed")).because(source)
    }

    /// A function that ran too long.
    pub fn timed_out(name: &str, limit: Duration) -> Self {
        Self::new(Kind::TimedOut, format!("`{name}` did not end within {limit:?}"))
    }

    /// A blocking pool that takes no more.
    pub fn pool_full(name: &str, threads: usize, queue: usize) -> Self {
        let message = format!(
            "the blocking pool `{name}` is full: {threads} threads are busy and {queue} functions wait: try later, or \
             give the pool more threads or a longer queue"
        );
        Self::new(Kind::PoolFull, message)
    }

    /// A task that found neither a free place nor room to wait.
    pub fn queue_full(name: &str, running: usize, queue: usize) -> Self {
        let message = format!(
            "task `{name}` was dropped: {running} run and {queue} wait, which is the limit: slow down whoever makes \
             them, raise the limit, or store them as jobs"
        );
        Self::new(Kind::QueueFull, message)
    }

    /// Something that was closed.
    pub fn closed(what: &str) -> Self {
        Self::new(Kind::Closed, format!("the {what} is closed"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
