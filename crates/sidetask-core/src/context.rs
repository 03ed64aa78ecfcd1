use std::fmt;
use std::sync::Arc;

use crate::{CancelToken, Error, JobId, Progress, ProgressReport, ProgressUpdate, Store, Token, Verdict};

/// What a running attempt knows of itself, and how it reports. Cheap to clone.
///
/// A `#[task]` function takes it as a parameter of this type. In process, with no store behind it, it has no job and
/// keeps no progress.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

struct Inner {
    kind: Arc<str>,
    attempt: u32,
    max_attempts: u32,
    cancel: CancelToken,
    job: Option<(Token, Arc<dyn Store>)>,
}

impl Context {
    /// The context of a call that runs in process.
    pub fn in_process(kind: impl Into<Arc<str>>, attempt: u32, max_attempts: u32, cancel: CancelToken) -> Self {
        Self(Arc::new(Inner { kind: kind.into(), attempt, max_attempts, cancel, job: None }))
    }

    /// The context of an attempt that a worker holds.
    pub fn of_job(token: Token, kind: Arc<str>, max_attempts: u32, cancel: CancelToken, store: Arc<dyn Store>) -> Self {
        Self(Arc::new(Inner { kind, attempt: token.attempt, max_attempts, cancel, job: Some((token, store)) }))
    }

    /// The job, where there is one.
    pub fn job_id(&self) -> Option<JobId> {
        self.0.job.as_ref().map(|(token, _)| token.job)
    }

    /// The kind that the job was stored under, which may be an alias.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Which attempt this is, counted from 1.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// How many attempts the job may use.
    pub fn max_attempts(&self) -> u32 {
        self.0.max_attempts
    }

    /// Whether a failure of this attempt discards the job.
    pub fn is_last_attempt(&self) -> bool {
        self.0.attempt >= self.0.max_attempts
    }

    /// A number that grows with every claim of this job. Give it to outside systems that can refuse a smaller one than
    /// they have seen: that shuts out an attempt which lost its lease and does not know it yet. Zero in process.
    pub fn fencing_token(&self) -> u64 {
        self.0.job.as_ref().map_or(0, |(token, _)| token.fence)
    }

    /// Reports progress. Await what it returns, or [wait](ProgressReport::wait) in a plain function; it returns once the
    /// store has it (not synced to disk of its own). An attempt in process has nowhere to keep it, so there it does
    /// nothing.
    ///
    /// # Errors
    /// [`is_lease_lost`](Error::is_lease_lost) where the job was rescued or ended meanwhile: stop then, since nothing
    /// this attempt does counts any more. Otherwise the store's own.
    pub fn progress(&self, done: u64, total: u64) -> ProgressReport<'_> {
        ProgressReport::new(self, done, total)
    }

    pub(crate) async fn store_progress(&self, progress: Progress) -> Result<(), Error> {
        let Some((token, store)) = &self.0.job else { return Ok(()) };
        let update = ProgressUpdate { token: *token, progress };
        match store.progress(vec![update]).await?.pop() {
            Some(Verdict::Accepted(_)) => Ok(()),
            _ => Err(Error::lease_lost(format_args!("job {}", token.job))),
        }
    }

    /// Whether the job was cancelled, its time is over, its lease lost, or the deadline of its worker's shutdown passed.
    /// For blocking code, which nobody else can stop: look now and then, and return.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancel.is_cancelled()
    }

    /// Completes when [`is_cancelled`](Self::is_cancelled) becomes true. Cancel safe.
    pub async fn cancelled(&self) {
        self.0.cancel.cancelled().await;
    }

    /// The token behind [`is_cancelled`](Self::is_cancelled), to hand on.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.0.cancel
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("kind", &self.0.kind)
            .field("job", &self.job_id())
            .field("attempt", &self.0.attempt)
            .finish_non_exhaustive()
    }
}
