use std::collections::HashMap;

use sidetask_core::{Enqueued, JobId, NewJob};
use tokio_postgres::types::{ToSql, Type};

use super::columns::{Columns, job};
use super::tell::Stored;
use crate::error::Fault;
use crate::rows;
use crate::statement::Statement;
use crate::store::Inner;
use crate::transaction::Row;

/// What makes a job the only one: an id that was given to it, or its kind and key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Name<'a> {
    Id(JobId),
    Key(&'a str, &'a str),
}

pub(super) fn names(job: &NewJob) -> impl Iterator<Item = Name<'_>> {
    let key = job.key.as_deref().map(|key| Name::Key(&job.kind, key));
    job.id.map(Name::Id).into_iter().chain(key)
}

/// Looks for the jobs' names, and stores the jobs that have none of those there are. What was committed after the
/// statement began is not seen, and still keeps its names from being stored again: such a job is neither found nor stored.
///
/// A job that moves from one table to the other meanwhile is in one of them for whoever looks. The name of a given id is
/// there for one that was stored, claimed and ended meanwhile.
///
/// `IS TRUE` keeps the subqueries from becoming joins, which would be nested loops here.
pub(super) static INSERT: Statement = Statement {
    text: concat!(
        "WITH known AS MATERIALIZED (
             SELECT job.*, given OR key IS NOT NULL AS named,
                 coalesce(
                     CASE WHEN given THEN coalesce(
                         (SELECT id FROM {s}.jobs WHERE jobs.id = job.id),
                         (SELECT id FROM {s}.history WHERE history.id = job.id)) END,
                     CASE WHEN key IS NOT NULL THEN
                         (SELECT id FROM {s}.names WHERE names.kind = job.kind AND names.key = job.key) END) AS found,
                 CASE WHEN held OR due > {now} THEN 0 ELSE 1 END AS state
             FROM ",
        job!(", $12, $13, $14, $15, $16", ", given, key, lane, lane_width, held"),
        "),
         named AS (
             INSERT INTO {s}.names (kind, key, id)
             SELECT * FROM (
                 SELECT '' AS kind, id::text AS key, id FROM known WHERE found IS NULL AND given
                 UNION ALL
                 SELECT kind, key, id FROM known WHERE found IS NULL AND key IS NOT NULL) AS names
             ORDER BY kind, key
             ON CONFLICT DO NOTHING
             RETURNING id),
         stored AS (
             INSERT INTO {s}.jobs
                 (id, state, priority, run_at, max_attempts, queue, kind, timeout, created_at, args, named, key, lane,
                  lane_width, held, trace)
             SELECT id, state, priority, due, max_attempts, queue, kind, timeout, {now}, args, given, key, lane,
                 lane_width, held, trace
             FROM known WHERE found IS NULL AND (NOT named OR (id IN (SELECT id FROM named)) IS TRUE)
             ORDER BY place
             RETURNING id, queue, state),
         tally AS (
             INSERT INTO {s}.tallies
             SELECT queue, count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1), 0, 0, 0, 0, 0
             FROM stored GROUP BY queue)
         SELECT found, (id IN (SELECT id FROM stored)) IS TRUE, queue, state = 0, priority, due,
             (SELECT count(*) FROM named)
         FROM known ORDER BY place"
    ),
    types: &[
        Type::INT8,
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::BOOL_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::BOOL_ARRAY,
    ],
};

/// What [`INSERT`] is given.
pub(super) struct Values<'a> {
    pub(super) ids: Vec<JobId>,
    columns: Columns<'a>,
    now: Option<i64>,
    given: Vec<bool>,
    keys: Vec<Option<&'a str>>,
    lanes: Vec<Option<&'a str>>,
    widths: Vec<Option<i64>>,
    held: Vec<bool>,
}

impl<'a> Values<'a> {
    pub(super) fn of(inner: &Inner, jobs: &[&'a NewJob], held: Vec<bool>) -> Self {
        let ids = super::ids(inner, jobs);
        Self {
            columns: Columns::of(&ids, jobs),
            ids,
            now: inner.database.now(),
            given: jobs.iter().map(|job| job.id.is_some()).collect(),
            keys: jobs.iter().map(|job| job.key.as_deref()).collect(),
            lanes: jobs.iter().map(|job| job.lane.as_ref().map(|lane| &*lane.name)).collect(),
            widths: jobs.iter().map(|job| job.lane.as_ref().map(|lane| i64::from(lane.width))).collect(),
            held,
        }
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&self.now];
        values.extend(self.columns.values());
        let more: [&(dyn ToSql + Sync); 5] = [&self.given, &self.keys, &self.lanes, &self.widths, &self.held];
        values.extend(more);
        values
    }

    /// What became of the jobs. `None`: another stored it meanwhile; ask again.
    pub(super) fn read<'b>(
        &self,
        found: &'b [Row],
        jobs: &[&NewJob],
        stored: &mut Stored<'b>,
    ) -> Result<Vec<Option<Enqueued>>, Fault> {
        let each = found.iter().zip(&self.ids).zip(jobs);
        each.map(|((row, id), job)| read(row, *id, job, stored)).collect()
    }
}

/// What became of a job, and where it waits if it is new.
fn read<'a>(row: &'a Row, id: JobId, job: &NewJob, stored: &mut Stored<'a>) -> Result<Option<Enqueued>, Fault> {
    if let Some(found) = row.try_get(0)? {
        return Ok(Some(Enqueued { id: rows::job_id(found), existed: true }));
    }
    if !row.try_get::<_, bool>(1)? {
        return Ok(None);
    }
    let is_scheduled = row.try_get(3)?;
    let available = if is_scheduled { None } else { Some((row.try_get(4)?, row.try_get(5)?)) };
    stored.add(row.try_get(2)?, is_scheduled, available);
    stored.step(id, job, is_scheduled);
    Ok(Some(Enqueued { id, existed: false }))
}

/// Stores jobs of one name each, none of which is twice among them.
pub(super) async fn store(inner: &Inner, jobs: &[&NewJob]) -> Result<Vec<Option<Enqueued>>, Fault> {
    let values = Values::of(inner, jobs, vec![false; jobs.len()]);
    let found = inner.naming.query(&inner.database, &INSERT, &values.parameters()).await?;
    let found: Vec<Row> = found.into_iter().map(Row::from).collect();
    let mut stored = Stored::new(&inner.database.announcer);
    let answers = values.read(&found, jobs, &mut stored);
    stored.tell(inner);
    answers
}

/// How many of the names of jobs that are new [`INSERT`] is to store.
pub(super) fn count_of_new(jobs: &[&NewJob], answers: &[Option<Enqueued>]) -> usize {
    let new = jobs.iter().zip(answers).filter(|(_, answer)| answer.is_none_or(|answer| !answer.existed));
    new.map(|(job, _)| names(job).count()).sum()
}

/// Splits jobs into runs in which no name is twice: a statement does not find what it stores itself.
pub(super) fn runs<'a, 'b>(jobs: &'b [&'a NewJob], most: usize) -> Vec<&'b [&'a NewJob]> {
    let (mut runs, mut from, mut seen) = (Vec::new(), 0, HashMap::new());
    for (at, job) in jobs.iter().enumerate() {
        let is_repeated = names(job).any(|name| seen.get(&name).is_some_and(|&last| last >= from));
        if at > from && (is_repeated || at - from >= most) {
            runs.push(&jobs[from..at]);
            from = at;
        }
        seen.extend(names(job).map(|name| (name, at)));
    }
    if from < jobs.len() {
        runs.push(&jobs[from..]);
    }
    runs
}
