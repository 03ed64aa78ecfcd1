//! Reading jobs.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use sidetask::{Error, JobId, JobRecord, Json, Timestamp};

use super::batch::PIPELINE;
use super::item::{Attributes, Item};
use super::record::{damaged, record};
use super::{Responses, STORED_OUTPUT_LIMIT};
use crate::payload::Stored;

impl Responses {
    /// Reads jobs, as they are now and in this order; `None` for one that is not there or whose time is over. A job whose
    /// item or output cannot be made out is discarded, with an error that says why.
    pub(crate) async fn read(&self, ids: &[JobId], now: Timestamp) -> Result<Vec<Option<JobRecord>>, Error> {
        let once: HashSet<String> = ids.iter().map(ToString::to_string).collect();
        let mut items = self.read_all("read jobs", &once.into_iter().collect::<Vec<_>>()).await?;
        items.retain(|_, item| !Item(item).expired(now));
        let jobs: Vec<_> = ids.iter().map(|id| self.job(*id, items.get(&id.to_string()), now)).collect();
        stream::iter(jobs).buffered(PIPELINE).try_collect().await
    }

    async fn job(&self, id: JobId, item: Option<&Attributes>, now: Timestamp) -> Result<Option<JobRecord>, Error> {
        let Some(item) = item else { return Ok(None) };
        let (mut job, stored) = match record(id, item, now) {
            Ok(read) => read,
            Err(why) => return Ok(Some(damaged(id, item, why.error(id, &self.table).to_string()))),
        };
        if let Some(stored) = stored {
            match self.output(&stored).await {
                Ok(output) => job.output = Some(output),
                Err(error) if error.is_storage() => return Err(error),
                // It is gone, or this reader may not have it: S3 says the same of both.
                Err(error) => job = damaged(id, item, error.to_string()),
            }
        }
        Ok(Some(job))
    }

    async fn output(&self, stored: &Stored) -> Result<Json, Error> {
        match &self.outputs {
            Some(bucket) => bucket.fetch(stored, STORED_OUTPUT_LIMIT).await,
            None => Err(Error::unsupported(format!(
                "the output of {} bytes is in bucket `{}`: name it to read the output",
                stored.size, stored.bucket
            ))),
        }
    }
}
