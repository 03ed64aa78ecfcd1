use std::collections::BTreeSet;

use sidetask_core::{Event, JobId, Timestamp};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::lane;
use super::settle::Held;
use super::tally::Tallies;
use crate::database::Work;
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;

/// Jobs to be deleted with all that is kept of them. Their rows are locked, and their lanes.
#[derive(Default)]
pub(super) struct Deletion {
    ids: Vec<JobId>,
    tallies: Tallies,
    lanes: BTreeSet<String>,
}

impl Deletion {
    /// Deletes a job that does not run.
    pub(super) fn add(&mut self, job: &Held) {
        let state = job.standing.state;
        self.ids.push(job.id);
        self.tallies.deleted(&job.queue, state);
        if let Some(lane) = job.lane.as_ref().filter(|_| !state.is_final()) {
            self.lanes.insert(lane.name.clone().into_owned());
        }
    }

    /// Deletes them all, and lets others into their lanes.
    pub(super) async fn write(mut self, work: &Work<'_>, now: Timestamp, news: &mut News) -> Result<(), Fault> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = self.ids.iter().map(rows::job_uuid).collect();
        work.query(&DELETE, &[&ids]).await?;
        news.deleted = true;
        for id in self.ids {
            work.detail(news, || Event::ByHand { id, state: None });
        }
        let lanes = self.lanes.iter().map(String::as_str).collect();
        lane::let_in(work, &lanes, now, news, &mut self.tallies).await?;
        self.tallies.write(work).await
    }
}

/// The names and logs go with the jobs.
static DELETE: Statement = Statement {
    text: "WITH live AS (DELETE FROM {s}.jobs WHERE id = ANY($1) RETURNING id, kind, key, named),
           ended AS (DELETE FROM {s}.history WHERE id = ANY($1) RETURNING id, kind, key, named),
           deleted AS MATERIALIZED (SELECT * FROM live UNION ALL SELECT * FROM ended),
           freed AS (
               DELETE FROM {s}.names USING deleted
               WHERE names.kind = deleted.kind AND names.key = deleted.key AND names.id = deleted.id),
           forgotten AS (
               DELETE FROM {s}.names USING deleted
               WHERE deleted.named AND names.kind = '' AND names.key = deleted.id::text AND names.id = deleted.id),
           unlogged AS (DELETE FROM {s}.logs WHERE job = ANY($1))
           SELECT count(*) FROM deleted",
    types: &[Type::UUID_ARRAY],
};
