use sidetask_core::{Error, Filter, JobId, Listed, Page, State, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::read;
use crate::database::Database;
use crate::error::Fault;
use crate::rows::{self, ended, live};
use crate::statement::Statement;

/// One source of jobs, in the order of their ids, and no further than is looked.
macro_rules! source {
    ($columns:expr, $from:literal) => {
        concat!("(SELECT ", $columns, " FROM ", $from, " AND id < $2 ORDER BY id DESC LIMIT $6 + 1)")
    };
}

/// Looks at the jobs of its sources one by one, from the newest on, until it has found enough that pass, or has looked at
/// as many as it may: then that one and the next are answered as well, which tell where to go on.
///
/// What runs is few at any time, and found by its own index whatever the planner takes the table to be like.
static LIST: Statement = Statement {
    text: concat!(
        "SELECT *, {now} FROM (
             SELECT *, row_number() OVER (ORDER BY id DESC) AS place FROM (
                 SELECT * FROM (",
        source!(live!(), "{s}.jobs WHERE $8"),
        " UNION ALL ",
        source!(live!(), "{s}.jobs WHERE $9 AND state = 0"),
        " UNION ALL ",
        source!(live!(), "(SELECT * FROM {s}.jobs WHERE $10 AND state = 2 OFFSET 0) AS running WHERE true"),
        " UNION ALL ",
        source!(live!(), "{s}.jobs WHERE $11 AND state = 3"),
        " UNION ALL ",
        source!(ended!(), "{s}.history WHERE $12"),
        " UNION ALL ",
        source!(ended!(), "{s}.history WHERE $13 AND state = 5"),
        " UNION ALL ",
        source!(ended!(), "{s}.history WHERE $14 AND state = 6"),
        "        ) AS sources
                 ORDER BY id DESC LIMIT $6 + 1) AS looked_at) AS numbered
         WHERE place >= $6 OR (($3::int2[] IS NULL OR state = ANY($3)) AND ($4::text IS NULL OR queue = $4)
             AND ($5::text IS NULL OR kind = $5))
         ORDER BY id DESC LIMIT $7"
    ),
    types: &[
        Type::INT8,
        Type::UUID,
        Type::INT2_ARRAY,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::BOOL,
        Type::BOOL,
        Type::BOOL,
        Type::BOOL,
        Type::BOOL,
        Type::BOOL,
        Type::BOOL,
    ],
};

/// The most jobs that one statement looks at: some milliseconds of work.
const CHUNK: usize = 20_000;

/// The most jobs that are read in one go to be judged here: each may have arguments and an output of a MiB, and all of a
/// batch are in memory at once.
const BATCH: usize = 100;

pub(crate) async fn list(database: &Database, filter: &Filter, page: Page) -> Result<Listed, Fault> {
    // PostgreSQL takes no NUL in text, and so no job has one.
    let can_be = [&filter.queue, &filter.kind].into_iter().flatten().all(|text| !text.contains('\0'));
    let listed = match can_be {
        true => Walk::new(filter, page).go(database).await?,
        false => Listed::default(),
    };
    match &filter.queue {
        Some(queue) if listed.jobs.is_empty() => check_seen(database, queue).await?,
        _ => {}
    }
    Ok(listed)
}

/// A walk over the jobs from the newest on.
struct Walk<'a> {
    filter: &'a Filter,
    limit: usize,
    sources: [bool; 7],
    /// The last job that was looked at.
    last: Option<JobId>,
    /// How many may be looked at from here on.
    left: usize,
    listed: Listed,
}

enum Step {
    On,
    /// There may be more after the last job that was looked at.
    Full,
    /// There are no more.
    End,
}

impl<'a> Walk<'a> {
    fn new(filter: &'a Filter, page: Page) -> Self {
        let (limit, left) = (page.limit.clamp(1, Page::MOST), page.examine.max(1));
        Self { filter, limit, sources: sources(&filter.states), last: page.after, left, listed: Listed::default() }
    }

    async fn go(mut self, database: &Database) -> Result<Listed, Fault> {
        loop {
            match self.step(database).await? {
                Step::On => {}
                Step::Full => {
                    self.listed.next = self.last;
                    return Ok(self.listed);
                }
                Step::End => return Ok(self.listed),
            }
        }
    }

    async fn step(&mut self, database: &Database) -> Result<Step, Fault> {
        let chunk = self.left.min(CHUNK);
        // One more than is wanted, to know whether there are more.
        let wanted = match self.filter.conditions.is_empty() {
            true => self.limit - self.listed.jobs.len() + 1,
            false => BATCH,
        };
        let found = self.read(database, chunk, wanted).await?;
        let mut looked = 0;
        for row in &found {
            let place = usize::try_from(row.try_get::<_, i64>(rows::RECORD)?).unwrap_or(usize::MAX);
            let is_beyond = place > chunk;
            if self.listed.jobs.len() >= self.limit || is_beyond && chunk == self.left {
                return Ok(Step::Full);
            }
            if is_beyond {
                self.left -= looked;
                return Ok(Step::On);
            }
            let (job, now) = (rows::record(row)?, Timestamp::from_micros(row.try_get(rows::RECORD + 1)?));
            (self.last, looked) = (Some(job.id), place);
            if self.filter.passes(&job, now) {
                self.listed.jobs.push(job);
            }
        }
        self.left -= looked;
        Ok(if found.len() < wanted { Step::End } else { Step::On })
    }

    async fn read(&self, database: &Database, chunk: usize, wanted: usize) -> Result<Vec<Row>, Fault> {
        let Filter { states, queue, kind, .. } = self.filter;
        let after = self.last.as_ref().map_or(Uuid::max(), rows::job_uuid);
        let codes: Option<Vec<i16>> = (!states.is_empty()).then(|| states.iter().copied().map(rows::code).collect());
        let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let (now, chunk, wanted) = (database.now(), number(chunk), number(wanted));
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&now, &after, &codes, queue, kind, &chunk, &wanted];
        values.extend(self.sources.iter().map(|source| source as &(dyn ToSql + Sync)));
        database.read(&LIST, &values).await
    }
}

/// Which of the sources of [`LIST`] are looked at, in its order: those of single states where the most frequent one is not
/// wanted. What is available or completed may be all of a table.
fn sources(states: &[State]) -> [bool; 7] {
    let wants = |state| states.contains(&state);
    let (all_live, all_ended) =
        (states.is_empty() || wants(State::Available), states.is_empty() || wants(State::Completed));
    [
        all_live,
        !all_live && wants(State::Scheduled),
        !all_live && wants(State::Running),
        !all_live && wants(State::Retryable),
        all_ended,
        !all_ended && wants(State::Cancelled),
        !all_ended && wants(State::Discarded),
    ]
}

async fn check_seen(database: &Database, queue: &str) -> Result<(), Fault> {
    let known = read::stats(database).await?.queues;
    if known.iter().any(|known| known.queue == queue) {
        return Ok(());
    }
    let known: Vec<String> = known.into_iter().map(|known| known.queue).collect();
    Err(Error::no_such_queue(queue, &known).into())
}
