//! What people who run jobs ask and do: the CLI and the dashboard are made of this.

use sidetask_core::{
    Activity, AttemptLog, Change, Error, Filter, JobId, Json, Listed, Page, Schema, State, Timestamp, WorkerRecord,
};

use super::{CHUNK, Client};

impl Client {
    /// One page of the jobs that pass a filter, newest first, and where the next one begins. Give the page a bound of jobs
    /// to [look at](Page::examine) where an answer must come soon whatever the filter asks for: it may then be short of
    /// jobs though there are more.
    ///
    /// # Errors
    /// Those of [`list`](Self::list).
    pub async fn search(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.0.backend.store("list jobs")?.list(filter, page).await
    }

    /// Deletes a job with all that is kept of it, and answers the state that it was in. One that runs stays, and the answer
    /// is `running`: cancel it first.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found); the store's own.
    pub async fn delete(&self, id: JobId) -> Result<State, Error> {
        self.change(id, "delete a job", Change::Delete).await
    }

    /// Gives a job other arguments and has it run again as [`retry`](Self::retry) does, both or none. `fence` is what was
    /// read with the job ([`JobRecord::fence`](crate::JobRecord::fence)).
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found); [`is_conflict`](Error::is_conflict) where it runs, or was run since it was read;
    /// [`is_too_large`](Error::is_too_large); [`is_decode`](Error::is_decode) where this program has the job's function and
    /// the arguments are not of its shape; the store's own. Nothing has changed then.
    pub async fn rewrite(&self, id: JobId, args: Json, fence: u64) -> Result<State, Error> {
        let store = self.0.backend.store("change a job's arguments")?;
        match store.change(vec![id], Change::Rewrite { args, fence }).await?.pop().flatten() {
            Some(state) => Ok(state),
            None if self.job(id).await?.is_none() => Err(Error::no_such_job(id)),
            None => Err(Error::conflict(format!(
                "job {id} runs, or was run since it was read: read it again, and decide anew"
            ))),
        }
    }

    /// How many jobs pass a filter, up to `up_to`, and looking at no more than about `examine` of them: so it costs little
    /// however many there are.
    ///
    /// # Errors
    /// Those of [`list`](Self::list).
    pub async fn count(&self, filter: &Filter, up_to: usize, examine: usize) -> Result<Counted, Error> {
        let _ = (filter, up_to, examine);
        Err(Error::unsupported("counting is not there yet"))
    }

    /// Changes all jobs that pass a filter when it looks at them, newest first, 1,000 at a time and `most` in all. Jobs that
    /// are stored meanwhile are left alone. Answers how many there were, and how many of them it really changed.
    ///
    /// # Errors
    /// Those of [`list`](Self::list); what was done by then stays done.
    ///
    /// # Cancel safety
    /// A dropped call has changed some of them.
    pub async fn change_all(&self, filter: &Filter, change: Bulk, most: usize) -> Result<Changed, Error> {
        let _ = (filter, change, most, CHUNK);
        Err(Error::unsupported("bulk changes are not there yet"))
    }

    /// The workers that the store knows, first the one that joined first.
    ///
    /// # Errors
    /// [`is_unsupported`](Error::is_unsupported); the store's own.
    pub async fn workers(&self) -> Result<Vec<WorkerRecord>, Error> {
        self.0.backend.store("list workers")?.operate().workers().await
    }

    /// What a job's attempts logged, first attempt first.
    ///
    /// # Errors
    /// [`is_unsupported`](Error::is_unsupported); the store's own.
    pub async fn logs(&self, id: JobId) -> Result<Vec<AttemptLog>, Error> {
        self.0.backend.store("read logs")?.operate().logs(id).await
    }

    /// How much was done in each minute since the one of `since`, for each queue, earliest first.
    ///
    /// # Errors
    /// [`is_unsupported`](Error::is_unsupported); the store's own.
    pub async fn activity(&self, since: Timestamp) -> Result<Vec<Activity>, Error> {
        self.0.backend.store("see what was done")?.operate().activity(since).await
    }

    /// For each queue with available jobs, when the one was due that has waited for the longest time.
    ///
    /// # Errors
    /// [`is_unsupported`](Error::is_unsupported); the store's own.
    pub async fn oldest_due(&self) -> Result<Vec<(String, Timestamp)>, Error> {
        self.0.backend.store("see how long jobs wait")?.operate().oldest_due().await
    }

    /// In what form jobs are stored, and which this program writes.
    ///
    /// # Errors
    /// [`is_unsupported`](Error::is_unsupported); the store's own.
    pub async fn schema(&self) -> Result<Schema, Error> {
        self.0.backend.store("see its schema")?.operate().schema().await
    }
}

/// What is done to many jobs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bulk {
    /// What [`Client::cancel`] does.
    Cancel,
    /// What [`Client::retry`] does.
    Retry,
    /// What [`Client::reschedule`] does with no wait.
    RunNow,
    /// What [`Client::delete`] does.
    Delete,
}

/// How many jobs pass a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counted {
    /// How many were found.
    pub count: u64,
    /// Whether that is all of them: otherwise there are at least so many.
    pub is_exact: bool,
}

/// What a bulk change did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// How many jobs passed the filter.
    pub matched: usize,
    /// How many of them the change did something to.
    pub changed: usize,
}
