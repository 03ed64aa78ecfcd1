use sidetask_core::Backoff;

/// How often a [`Task`](crate::Task) in process is tried, and how long it waits in between.
///
/// ```
/// use std::time::Duration;
/// use sidetask::{Backoff, Retry};
///
/// let retry = Retry::attempts(3).backoff(Backoff::fixed(Duration::from_millis(100)));
/// ```
#[derive(Clone, Debug)]
pub struct Retry {
    pub(super) max_attempts: u32,
    pub(super) backoff: Backoff,
}

impl Retry {
    /// At most `max_attempts` attempts, the first included; at least 1, which is no retry. Between them the default
    /// [`Backoff`], exponential from one second.
    pub fn attempts(max_attempts: u32) -> Self {
        Self { max_attempts, backoff: Backoff::default() }
    }

    /// Sets the wait between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: impl Into<Backoff>) -> Self {
        self.backoff = backoff.into();
        self
    }
}

/// [`Retry::attempts`].
impl From<u32> for Retry {
    fn from(max_attempts: u32) -> Self {
        Self::attempts(max_attempts)
    }
}
