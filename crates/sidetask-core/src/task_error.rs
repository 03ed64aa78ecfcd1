use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// How one attempt failed, and what should happen to the job.
///
/// Any error becomes one with `?` and is retried with backoff until the attempts are used up:
///
/// ```
/// # use sidetask_core::TaskError;
/// fn count(path: &str) -> Result<usize, TaskError> {
///     let text = std::fs::read_to_string(path)?;
///     if text.is_empty() {
///         return Err(TaskError::permanent("the file is empty"));
///     }
///     Ok(text.lines().count())
/// }
/// # assert!(count("/").is_err());
/// ```
///
/// It is not itself a [`std::error::Error`], since nothing else could then be converted into it.
pub struct TaskError {
    kind: TaskErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// What a [`TaskError`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskErrorKind {
    /// Try again after the kind's backoff, while attempts are left.
    Retry,
    /// Try again after this long, while attempts are left.
    RetryAfter(Duration),
    /// Do not try again: the job is discarded.
    Permanent,
    /// The task gives up of its own accord: the job is cancelled.
    Cancel,
    /// Not a failure: run again after this long, with no attempt used.
    Snooze(Duration),
}

impl TaskError {
    /// An ordinary failure, retried with backoff. For text, and for errors that `?` does not take
    /// (a `Box<dyn Error>`, an `anyhow::Error`).
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: TaskErrorKind::Retry, source: error.into() }
    }

    /// A failure that trying again will not mend: the job is discarded at once.
    pub fn permanent(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: TaskErrorKind::Permanent, source: error.into() }
    }

    /// A failure after which the other side has said when to come back. Uses an attempt. Of a task with a
    /// [`RateLimit`](crate::RateLimit), nobody who shares that begins before.
    pub fn retry_after(wait: Duration, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: TaskErrorKind::RetryAfter(wait), source: error.into() }
    }

    /// The work is no longer wanted: the job is cancelled, and `reason` kept with it.
    pub fn cancel(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: TaskErrorKind::Cancel, source: reason.into() }
    }

    /// Not yet: run the job again after `wait`. No attempt is used, and nothing is recorded as an error.
    pub fn snooze(wait: Duration) -> Self {
        Self { kind: TaskErrorKind::Snooze(wait), source: "snoozed".into() }
    }

    /// What any error says, a `TaskError` kept as it is.
    pub(crate) fn of(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        match error.into().downcast::<Boxed>() {
            Ok(boxed) => boxed.0,
            Err(error) => Self::new(error),
        }
    }

    /// What it asks for.
    pub const fn kind(&self) -> TaskErrorKind {
        self.kind
    }

    /// The error beneath.
    pub fn source(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self.source.as_ref()
    }

    /// The error beneath, by value.
    pub fn into_source(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.source
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

/// So that what takes any error takes this one as well.
impl From<TaskError> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: TaskError) -> Self {
        Box::new(Boxed(error))
    }
}

/// The form in which a `TaskError` is an error like others.
#[derive(Debug)]
struct Boxed(TaskError);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source.fmt(f)
    }
}

impl std::error::Error for Boxed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.source()
    }
}

/// The error and what caused it, joined by `: `.
impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        let mut cause = self.source.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

/// Carries an error to whichever of [`ViaInto`] and [`ViaBox`] fits it; the first wins where both do. The macro
/// converts with it, so that a function may return `anyhow::Result` as well.
#[derive(Debug)]
pub struct Wrap<E>(pub Option<E>);

/// Converts what `Into<TaskError>` takes.
pub trait ViaInto {
    /// The error, converted.
    fn take_task_error(&mut self) -> TaskError;
}

impl<E: Into<TaskError>> ViaInto for &mut Wrap<E> {
    fn take_task_error(&mut self) -> TaskError {
        self.0.take().map_or_else(|| TaskError::new("the error was taken twice"), Into::into)
    }
}

/// Converts what only `Into<Box<dyn Error>>` takes.
pub trait ViaBox {
    /// The error, converted.
    fn take_task_error(&mut self) -> TaskError;
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> ViaBox for Wrap<E> {
    fn take_task_error(&mut self) -> TaskError {
        self.0.take().map_or_else(|| TaskError::new("the error was taken twice"), TaskError::new)
    }
}

/// Tells whether `T` is a `Result`, which an alias hides from the macro: `Returns::<T>::RESULT`, with [`NotResult`] in
/// scope.
#[derive(Debug)]
pub struct Returns<T>(PhantomData<T>);

impl<T, E> Returns<Result<T, E>> {
    /// It is one.
    pub const RESULT: bool = true;
}

/// Answers for every type that is no `Result`, whose own constant comes first.
pub trait NotResult {
    /// It is none.
    const RESULT: bool = false;
}

impl<T> NotResult for Returns<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no answer from {host}")]
    struct NoAnswer {
        host: &'static str,
        source: std::io::Error,
    }

    #[test]
    fn an_error_shows_its_causes() {
        let error = NoAnswer { host: "mail", source: std::io::Error::other("reset") };
        assert_eq!(TaskError::from(error).to_string(), "no answer from mail: reset");
    }

    #[test]
    #[expect(clippy::needless_borrow, reason = "the second borrow is what decides between the two traits")]
    fn the_macros_conversion_keeps_a_task_error_and_takes_a_box() {
        let kept = (&mut &mut Wrap(Some(TaskError::permanent("x")))).take_task_error();
        assert_eq!(kept.kind(), TaskErrorKind::Permanent);
        let boxed: Box<dyn std::error::Error + Send + Sync> = "y".into();
        let taken = (&mut &mut Wrap(Some(boxed))).take_task_error();
        assert_eq!((taken.kind(), taken.to_string()), (TaskErrorKind::Retry, "y".to_owned()));
    }

    #[test]
    fn as_any_other_error_it_keeps_what_it_asks_for_and_what_it_says() {
        let error = || TaskError::permanent(NoAnswer { host: "mail", source: std::io::Error::other("reset") });
        let kept = TaskError::of(error());
        assert_eq!(kept.kind(), TaskErrorKind::Permanent);
        assert!(kept.source().is::<NoAnswer>());
        let wrapped = TaskError::retry_after(Duration::ZERO, error());
        assert_eq!(wrapped.kind(), TaskErrorKind::RetryAfter(Duration::ZERO));
        assert_eq!(wrapped.to_string(), "no answer from mail: reset");
    }

    #[test]
    fn a_result_is_told_apart_behind_an_alias() {
        type Hidden = Result<(), String>;
        const { assert!(Returns::<Hidden>::RESULT && !Returns::<Option<()>>::RESULT) }
    }
}
