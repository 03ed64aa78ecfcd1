//! Where what becomes of a delivery is written down.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sidetask::core::{ProgressUpdate, Report, Verdict};
use sidetask::{Clock, Error, JobId, Json, Progress, State, Timestamp};

use super::follow::End;

/// One delivery of a job, as it is told to a table.
#[derive(Clone, Debug)]
#[cfg_attr(not(any(feature = "dynamodb", test)), expect(dead_code, reason = "tables read it"))]
pub(super) struct Delivery {
    pub(super) id: JobId,
    pub(super) kind: Arc<str>,
    pub(super) max_attempts: u32,
    /// Names the event: the same for every try that the service makes of one event.
    pub(super) holder: String,
    /// Until when this delivery may run.
    pub(super) until: Timestamp,
}

/// Whether a delivery is to run.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(not(any(feature = "dynamodb", test)), expect(dead_code, reason = "tables make it"))]
pub(super) enum Begun {
    /// It is this attempt, where the table counts them, and reports with this fence.
    /// So often was it begun since it was sent.
    Run { attempt: Option<u32>, fence: u64, begun: u64 },
    /// The job has ended, with this output where the table says that: there is nothing to do.
    Ended(Option<Json>),
    /// Another delivery runs it, until then at the latest.
    Held { until: Timestamp },
}

/// A table with a place for what becomes of a job.
#[async_trait]
pub(super) trait Keep: fmt::Debug + Send + Sync + 'static {
    /// Begins an attempt, unless the job has ended or another delivery holds it.
    async fn begin(&self, delivery: &Delivery, now: Timestamp) -> Result<Begun, Error>;
    /// Keeps progress.
    async fn progress(&self, id: JobId, fence: u64, progress: &Progress, now: Timestamp) -> Result<Verdict, Error>;
    /// Keeps the place from expiring.
    async fn refresh(&self, id: JobId, fence: u64, now: Timestamp) -> Result<Verdict, Error>;
    /// How often it has to be refreshed.
    fn refresh_every(&self) -> Duration;
    /// Whether the job has ended.
    async fn has_ended(&self, id: JobId) -> Result<bool, Error>;
    /// Ends an attempt.
    async fn finish(&self, id: JobId, fence: u64, end: &End, now: Timestamp) -> Result<Verdict, Error>;
}

/// Refreshes a delivery's place for as long as it is polled; completes when the delivery has lost its job.
pub(super) async fn keep_alive(keep: &dyn Keep, id: JobId, fence: u64, clock: &dyn Clock) {
    loop {
        clock.sleep(keep.refresh_every()).await;
        match keep.refresh(id, fence, clock.now()).await {
            Ok(Verdict::Accepted(_)) => {}
            Ok(Verdict::LeaseLost) => return,
            Err(error) => tracing::warn!(%error, "the response could not be kept from expiring: it is tried again"),
        }
    }
}

/// Writes the end of an attempt, again and again while there is time, since the function has run.
///
/// An output that the table does not take becomes the attempt's failure: running it again would not make it smaller.
pub(super) async fn finish(
    keep: &dyn Keep,
    id: JobId,
    fence: u64,
    end: &mut End,
    until: Timestamp,
    clock: &dyn Clock,
) -> Result<Verdict, Error> {
    const LONGEST: Duration = Duration::from_secs(30);
    let until = until.min(clock.now().after(LONGEST));
    let mut wait = Duration::from_millis(100);
    loop {
        let now = clock.now();
        let written = tokio::time::timeout(until.since(now), keep.finish(id, fence, end, now)).await;
        let error = match written {
            Ok(Ok(verdict)) => {
                if let (Verdict::Accepted(State::Discarded), End::Completed(_)) = (verdict, &*end) {
                    *end = End::Discarded("its output is too large to be kept".to_owned());
                }
                return Ok(verdict);
            }
            Ok(Err(error)) if error.is_too_large() && matches!(end, End::Completed(_)) => {
                *end = End::Discarded(error.to_string());
                continue;
            }
            Ok(Err(error)) => error,
            Err(elapsed) => return Err(Error::storage("the response was not written in time", elapsed)),
        };
        if until.since(clock.now()) <= wait {
            return Err(error);
        }
        tracing::warn!(%error, "the response could not be written: it is tried again");
        clock.sleep(wait).await;
        wait = wait.saturating_mul(2).min(Duration::from_secs(5));
    }
}

/// Takes down the progress of a delivery, if there is a table.
pub(super) struct Reporter {
    pub(super) keep: Option<Arc<dyn Keep>>,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Report for Reporter {
    async fn progress(&self, update: ProgressUpdate) -> Result<Verdict, Error> {
        let ProgressUpdate { token, progress, log: _ } = update;
        match (&self.keep, progress) {
            (Some(keep), Some(progress)) => keep.progress(token.job, token.fence, &progress, self.clock.now()).await,
            _ => Ok(Verdict::Accepted(State::Running)),
        }
    }
}
