//! What people who run jobs ask and do: the CLI and the dashboard are made of this.

use sidetask_core::{
    Activity, AttemptLog, Change, Error, Filter, JobId, JobRecord, Json, Listed, Page, Schema, State, Timestamp,
    WorkerRecord,
};

use super::{Client, DISCOVERED};

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
        self.change(id, "delete a job", Change::Delete { only_ended: false }).await
    }

    /// Gives a job other arguments and has it run again as [`retry`](Self::retry) does, both or none, where it is still as
    /// it was read: no attempt has begun since, and nobody has given it other arguments.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found); [`is_conflict`](Error::is_conflict) where it runs, or was run or
    /// given other arguments since it was read;
    /// [`is_too_large`](Error::is_too_large); [`is_decode`](Error::is_decode) where the arguments are not JSON, and where this
    /// program has the job's function and they are not of its shape. Nothing has changed then. The store's own.
    pub async fn rewrite(&self, job: &JobRecord, args: Json) -> Result<State, Error> {
        let store = self.0.backend.store("change a job's arguments")?;
        let limit = self.0.max_args_bytes;
        if args.size() > limit {
            return Err(Error::too_large(&format!("the arguments of `{}`", job.kind), args.size(), limit));
        }
        let args = Json::parse(args.as_str())?;
        if let Some(known) = DISCOVERED.find(&job.kind) {
            known.check(&args)?;
        }
        let id = job.id;
        let change = Change::Rewrite { args, fence: job.fence, from: job.args.clone() };
        match store.change(vec![id], change).await?.pop().flatten() {
            Some(state) => Ok(state),
            None if self.job(id).await?.is_none() => Err(Error::no_such_job(id)),
            None => Err(Error::conflict(format!(
                "job {id} runs, or was run or given other arguments since it was read: read it again, and decide anew"
            ))),
        }
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
