use async_trait::async_trait;
use sidetask_core::{Activity, AttemptLog, Error, JobId, Operate, Schema, Timestamp, WorkerRecord};

use crate::ops::{log, operate, tally};
use crate::store::told;
use crate::{PostgresStore, schema};

#[async_trait]
impl Operate for PostgresStore {
    async fn workers(&self) -> Result<Vec<WorkerRecord>, Error> {
        self.check_open()?;
        told("read the workers", operate::workers(&self.0.database).await)
    }

    async fn logs(&self, job: JobId) -> Result<Vec<AttemptLog>, Error> {
        self.check_open()?;
        told("read logs", log::read(&self.0.database, job).await)
    }

    async fn activity(&self, since: Timestamp) -> Result<Vec<Activity>, Error> {
        self.check_open()?;
        told("read what was done", tally::activity(&self.0.database, since).await)
    }

    async fn oldest_due(&self) -> Result<Vec<(String, Timestamp)>, Error> {
        self.check_open()?;
        told("read how long jobs wait", operate::oldest_due(&self.0.database).await)
    }

    async fn schema(&self) -> Result<Schema, Error> {
        self.check_open()?;
        told("look at the schema", schema::describe(&self.0.database).await)
    }

    async fn migrate(&self) -> Result<(), Error> {
        self.check_open()?;
        schema::migrate(&self.0.database).await
    }
}
