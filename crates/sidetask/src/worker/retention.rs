use std::time::Duration;

/// How long a worker lets ended jobs be, before it deletes them. It looks about once a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// Default: one day. `None` keeps them for ever; zero deletes them at the next look.
    pub completed: Option<Duration>,
    /// Default: one day. `None` keeps them for ever; zero deletes them at the next look.
    pub cancelled: Option<Duration>,
    /// Default: seven days. `None` keeps them for ever; zero deletes them at the next look.
    pub discarded: Option<Duration>,
}

impl Retention {
    /// Deletes nothing.
    pub const fn forever() -> Self {
        Self { completed: None, cancelled: None, discarded: None }
    }

    /// Sets how long completed jobs are kept.
    #[must_use]
    pub fn completed(mut self, kept: impl Into<Option<Duration>>) -> Self {
        self.completed = kept.into();
        self
    }

    /// Sets how long cancelled jobs are kept.
    #[must_use]
    pub fn cancelled(mut self, kept: impl Into<Option<Duration>>) -> Self {
        self.cancelled = kept.into();
        self
    }

    /// Sets how long discarded jobs are kept.
    #[must_use]
    pub fn discarded(mut self, kept: impl Into<Option<Duration>>) -> Self {
        self.discarded = kept.into();
        self
    }
}

impl Default for Retention {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self { completed: Some(day), cancelled: Some(day), discarded: Some(7 * day) }
    }
}
