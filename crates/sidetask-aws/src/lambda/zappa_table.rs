//! Zappa's table as a place to write to: it counts no attempts, and knows nothing of failures.

use std::time::Duration;

use async_trait::async_trait;
use sidetask::core::Verdict;
use sidetask::{Error, JobId, Progress, State, Timestamp};

use super::follow::End;
use super::keep::{Begun, Delivery, Keep};
use crate::zappa::Table;

/// How often an item is written anew while its task runs: a third of what Zappa keeps it for.
const REFRESH_EVERY: Duration = Duration::from_secs(200);

/// The item of one response.
#[derive(Debug)]
pub(super) struct ZappaItem {
    pub(super) table: Table,
    pub(super) response_id: String,
}

#[async_trait]
impl Keep for ZappaItem {
    async fn begin(&self, _: &Delivery, now: Timestamp) -> Result<Begun, Error> {
        Ok(match self.table.start(&self.response_id, now).await? {
            None => Begun::Run { attempt: None, fence: 1, begun: 1 },
            Some(response) => Begun::Ended(Some(response)),
        })
    }

    async fn progress(&self, _: JobId, _: u64, _: &Progress, _: Timestamp) -> Result<Verdict, Error> {
        Ok(Verdict::Accepted(State::Running))
    }

    async fn refresh(&self, _: JobId, _: u64, now: Timestamp) -> Result<Verdict, Error> {
        Ok(match self.table.start(&self.response_id, now).await? {
            None => Verdict::Accepted(State::Running),
            Some(_) => Verdict::LeaseLost,
        })
    }

    fn refresh_every(&self) -> Duration {
        REFRESH_EVERY
    }

    /// Nothing but a completion takes a job from its delivery here.
    async fn has_ended(&self, _: JobId) -> Result<bool, Error> {
        Ok(true)
    }

    async fn finish(&self, _: JobId, _: u64, end: &End, now: Timestamp) -> Result<Verdict, Error> {
        match end {
            End::Completed(response) => {
                self.table.complete(&self.response_id, response, now).await?;
                Ok(Verdict::Accepted(State::Completed))
            }
            // It says `in progress` until its time is over.
            _ => Ok(Verdict::Accepted(State::Running)),
        }
    }
}
