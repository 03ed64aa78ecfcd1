#![expect(clippy::print_stdout, reason = "that is how it tells what it does")]

use std::sync::Arc;

use async_trait::async_trait;
use sidetask::core::{
    Change, Claim, Claimed, Enqueued, Events, Finish, Heartbeat, Joining, Listed, NewJob, Operate, ProgressUpdate,
    Promoted, Purge, Rescued, Slots, Verdict, WorkerId,
};
use sidetask::{Clock, Error, Filter, JobId, JobRecord, Page, State, Stats, Store, SystemClock};
use sidetask_testing::faults::history::Event;

/// A store that tells what it answered, as lines of a history.
#[derive(Debug)]
pub(crate) struct Telling(pub(crate) Arc<dyn Store>);

#[async_trait]
impl Store for Telling {
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        let enqueued = self.0.enqueue(jobs).await?;
        for Enqueued { id, .. } in &enqueued {
            println!("{}", Event::Acknowledged { job: *id });
        }
        Ok(enqueued)
    }

    async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Verdict>, Error> {
        let tokens: Vec<_> = finishes.iter().map(|finish| finish.token).collect();
        let verdicts = self.0.finish(finishes).await?;
        for (token, verdict) in tokens.iter().zip(&verdicts) {
            let state = match verdict {
                Verdict::Accepted(state) => Some(*state),
                Verdict::LeaseLost => None,
            };
            println!("{}", Event::Finalized { job: token.job, attempt: token.attempt, fence: token.fence, state });
        }
        Ok(verdicts)
    }

    async fn rescue(&self, limit: usize) -> Result<Vec<Rescued>, Error> {
        let rescued = self.0.rescue(limit).await?;
        for Rescued { id, .. } in &rescued {
            println!("{}", Event::Rescued { job: *id, at: SystemClock.now() });
        }
        Ok(rescued)
    }

    async fn change(&self, ids: Vec<JobId>, change: Change) -> Result<Vec<Option<State>>, Error> {
        // Beforehand: whether it was done is not always known.
        if change == Change::Retry {
            for id in &ids {
                println!("{}", Event::Retried { job: *id, at: SystemClock.now() });
            }
        }
        self.0.change(ids, change).await
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock()
    }

    async fn join(&self, worker: Joining) -> Result<(), Error> {
        self.0.join(worker).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<(), Error> {
        self.0.leave(worker).await
    }

    fn lend(&self, slots: Slots) {
        self.0.lend(slots);
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, Error> {
        self.0.claim(claim).await
    }

    async fn heartbeat(&self, worker: WorkerId) -> Result<Heartbeat, Error> {
        self.0.heartbeat(worker).await
    }

    async fn progress(&self, updates: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error> {
        self.0.progress(updates).await
    }

    async fn promote(&self, limit: usize) -> Result<Promoted, Error> {
        self.0.promote(limit).await
    }

    async fn jobs(&self, ids: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        self.0.jobs(ids).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.0.list(filter, page).await
    }

    async fn stats(&self) -> Result<Stats, Error> {
        self.0.stats().await
    }

    async fn pause(&self, queue: &str, paused: bool) -> Result<(), Error> {
        self.0.pause(queue, paused).await
    }

    async fn purge(&self, purge: Purge) -> Result<usize, Error> {
        self.0.purge(purge).await
    }

    fn listen(&self) -> Events {
        self.0.listen()
    }

    fn operate(&self) -> &dyn Operate {
        self.0.operate()
    }

    async fn close(&self) -> Result<(), Error> {
        self.0.close().await
    }
}
