//! Responses of our own as a place to write to.

use std::time::Duration;

use async_trait::async_trait;
use sidetask::core::Verdict;
use sidetask::{Error, JobId, Progress, Timestamp};

use super::follow::End;
use super::keep::{Begun, Delivery, Keep};
use crate::responses::{self, Responses};

/// The table, and how long it keeps a response.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) responses: Responses,
    pub(super) ttl: Duration,
}

#[async_trait]
impl Keep for Table {
    async fn begin(&self, delivery: &Delivery, now: Timestamp) -> Result<Begun, Error> {
        let Delivery { id, kind, max_attempts, holder, until } = delivery;
        let delivery = responses::Delivery { id: *id, kind, max_attempts: *max_attempts, holder, until: *until };
        Ok(match self.responses.begin(&delivery, now).await? {
            responses::Begun::Run { attempt, fence, begun } => Begun::Run { attempt: Some(attempt), fence, begun },
            responses::Begun::Ended => Begun::Ended(None),
            responses::Begun::Held { until } => Begun::Held { until },
        })
    }

    async fn progress(&self, id: JobId, fence: u64, progress: &Progress, now: Timestamp) -> Result<Verdict, Error> {
        self.responses.progress(id, fence, progress, now).await
    }

    async fn refresh(&self, id: JobId, fence: u64, now: Timestamp) -> Result<Verdict, Error> {
        self.responses.refresh(id, fence, now).await
    }

    fn refresh_every(&self) -> Duration {
        self.ttl / 3
    }

    async fn has_ended(&self, id: JobId) -> Result<bool, Error> {
        self.responses.has_ended(id).await
    }

    async fn finish(&self, id: JobId, fence: u64, end: &End, now: Timestamp) -> Result<Verdict, Error> {
        let end = match end.clone() {
            End::Completed(output) => responses::End::Completed(output),
            End::Again { error, snoozed } => responses::End::Again { error, snoozed },
            End::Discarded(error) => responses::End::Discarded(error),
            End::Cancelled(reason) => responses::End::Cancelled(reason),
        };
        self.responses.finish(id, fence, &end, now).await
    }
}
