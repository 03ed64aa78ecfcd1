use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use crate::{
    CancelToken, Clock, Error, JobId, Progress, ProgressReport, ProgressUpdate, Report, Store, Timestamp, Token,
    Verdict,
};

/// What a running attempt knows of itself, and how it reports. Cheap to clone.
///
/// A `#[task]` function takes it as a parameter of this type. In process, with no store behind it, it has no job and
/// keeps no progress.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Arc<str>,
    attempt: u32,
    max_attempts: u32,
    cancel: CancelToken,
    held: Held,
    response_id: Option<Arc<str>>,
    deadline: Option<Deadline>,
    completed_in_transaction: Arc<AtomicBool>,
}

/// What stands behind an attempt.
#[derive(Clone)]
enum Held {
    Nothing,
    Job(Token, Arc<dyn Store>),
    Delivery(Token, Arc<dyn Report>),
}

/// When an attempt has to be done, and the clock to read it by.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "whoever runs attempts makes it")]
pub struct Deadline {
    /// The time.
    pub at: Timestamp,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
}

impl Context {
    /// The context of a call that runs in process.
    pub fn in_process(kind: impl Into<Arc<str>>, attempt: u32, max_attempts: u32, cancel: CancelToken) -> Self {
        Self::new(kind.into(), attempt, max_attempts, cancel, Held::Nothing)
    }

    /// The context of an attempt that a worker holds.
    pub fn of_job(token: Token, kind: Arc<str>, max_attempts: u32, cancel: CancelToken, store: Arc<dyn Store>) -> Self {
        Self::new(kind, token.attempt, max_attempts, cancel, Held::Job(token, store))
    }

    /// The context of an attempt that a service delivered.
    pub fn of_delivery(
        token: Token,
        kind: Arc<str>,
        max_attempts: u32,
        cancel: CancelToken,
        report: Arc<dyn Report>,
    ) -> Self {
        Self::new(kind, token.attempt, max_attempts, cancel, Held::Delivery(token, report))
    }

    fn new(kind: Arc<str>, attempt: u32, max_attempts: u32, cancel: CancelToken, held: Held) -> Self {
        let completed_in_transaction = Arc::default();
        let (response_id, deadline) = (None, None);
        Self(Arc::new(Inner {
            kind,
            attempt,
            max_attempts,
            cancel,
            held,
            response_id,
            deadline,
            completed_in_transaction,
        }))
    }

    /// The same attempt, its result kept under this id. For those who run attempts; clones made before do not know it.
    #[must_use]
    pub fn with_response_id(mut self, id: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.0).response_id = Some(id.into());
        self
    }

    /// The same attempt, to be done by then. For those who run attempts; clones made before do not know it.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Deadline) -> Self {
        Arc::make_mut(&mut self.0).deadline = Some(deadline);
        self
    }

    /// The job, where there is one.
    pub fn job_id(&self) -> Option<JobId> {
        self.0.token().map(|token| token.job)
    }

    /// What the attempt's holder proves its claim with; `None` in process. For those who write stores.
    pub fn token(&self) -> Option<&Token> {
        self.0.token()
    }

    /// The store that keeps the job, where a worker runs it. For those who write stores.
    pub fn store(&self) -> Option<&Arc<dyn Store>> {
        match &self.0.held {
            Held::Job(_, store) => Some(store),
            Held::Nothing | Held::Delivery(..) => None,
        }
    }

    /// Takes note that the job was completed in a transaction of the user's, which may be committed or not. For those
    /// who write stores: the worker then reports no completion of its own.
    pub fn note_completed_in_transaction(&self) {
        self.0.completed_in_transaction.store(true, Ordering::Relaxed);
    }

    /// Whether [`note_completed_in_transaction`](Self::note_completed_in_transaction) was called on this attempt's
    /// context. For those who run attempts.
    pub fn is_completed_in_transaction(&self) -> bool {
        self.0.completed_in_transaction.load(Ordering::Relaxed)
    }

    /// The name under which the result is kept for whoever asked: the job's id, or what another system that sent the
    /// task calls it. `None` where the result is kept nowhere.
    pub fn response_id(&self) -> Option<String> {
        match (&self.0.response_id, &self.0.held) {
            (Some(id), _) => Some(id.to_string()),
            (None, Held::Job(token, _)) => Some(token.job.to_string()),
            (None, _) => None,
        }
    }

    /// When this attempt is stopped: by its own time limit, or by the end of the Lambda invocation that runs it. `None`
    /// where nothing limits it.
    pub fn deadline(&self) -> Option<SystemTime> {
        self.0.deadline.as_ref().map(|deadline| deadline.at.into())
    }

    /// How long is left until the [deadline](Self::deadline); zero where it has passed.
    pub fn remaining(&self) -> Option<Duration> {
        self.0.deadline.as_ref().map(|deadline| deadline.at.since(deadline.clock.now()))
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
        self.0.token().map_or(0, |token| token.fence)
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
        let (token, verdict) = match &self.0.held {
            Held::Nothing => return Ok(()),
            Held::Job(token, store) => (
                token,
                store
                    .progress(vec![ProgressUpdate { token: *token, progress: Some(progress), log: None }])
                    .await?
                    .pop(),
            ),
            Held::Delivery(token, report) => (
                token,
                Some(report.progress(ProgressUpdate { token: *token, progress: Some(progress), log: None }).await?),
            ),
        };
        match verdict {
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

impl Inner {
    fn token(&self) -> Option<&Token> {
        match &self.held {
            Held::Nothing => None,
            Held::Job(token, _) | Held::Delivery(token, _) => Some(token),
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("at", &self.at).finish_non_exhaustive()
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
