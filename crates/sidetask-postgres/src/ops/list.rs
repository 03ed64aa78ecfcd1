use sidetask_core::{Error, Filter, JobRecord, Listed, Page, State};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::read;
use crate::database::Database;
use crate::error::Fault;
use crate::rows::{self, ended, live};
use crate::statement::Statement;

/// The condition of a filter: each part passes everything where its parameter is null.
macro_rules! passes {
    () => {
        " WHERE ($1::uuid IS NULL OR id < $1) AND ($2::int2[] IS NULL OR state = ANY($2))
              AND ($3::text IS NULL OR queue = $3) AND ($4::text IS NULL OR kind = $4)"
    };
}

/// Each table is read in the order of its ids and no further than the page, so that a long history costs nothing, and
/// only where a job that passes can be in it.
macro_rules! page {
    ($of_jobs:literal, $of_history:literal) => {
        concat!(
            "SELECT * FROM (
                 (SELECT ",
            live!(),
            " FROM {s}.jobs ",
            passes!(),
            $of_jobs,
            " AND $6 ORDER BY id DESC LIMIT $5) UNION ALL (SELECT ",
            ended!(),
            " FROM {s}.history ",
            passes!(),
            $of_history,
            " AND $7 ORDER BY id DESC LIMIT $5)) AS both_of_them ORDER BY id DESC LIMIT $5"
        )
    };
}

const TYPES: &[Type] = &[Type::UUID, Type::INT2_ARRAY, Type::TEXT, Type::TEXT, Type::INT8, Type::BOOL, Type::BOOL];

static LIST: Statement = Statement { text: page!("", ""), types: TYPES };

/// What people look for among many that are of no interest has an index: what did not complete, and what runs.
static LIST_WITHOUT_COMPLETED: Statement = Statement { text: page!("", " AND state <> 4"), types: TYPES };
static LIST_RUNNING: Statement = Statement { text: page!(" AND state = 2", ""), types: TYPES };

pub(crate) async fn list(database: &Database, filter: &Filter, page: Page) -> Result<Listed, Fault> {
    let states = &filter.states;
    let statement = match &**states {
        [State::Running] => &LIST_RUNNING,
        [] => &LIST,
        _ if states.contains(&State::Completed) => &LIST,
        _ => &LIST_WITHOUT_COMPLETED,
    };
    let is_any = states.is_empty();
    let may_live = is_any || states.iter().any(|state| !state.is_final());
    let may_have_ended = is_any || states.iter().any(|state| state.is_final());
    let codes: Option<Vec<i16>> = (!is_any).then(|| states.iter().copied().map(rows::code).collect());
    let after: Option<Uuid> = page.after.as_ref().map(rows::job_uuid);
    let limit = i64::try_from(page.limit.clamp(1, Page::MOST)).unwrap_or(i64::MAX);
    let (queue, kind) = (&filter.queue, &filter.kind);
    // PostgreSQL takes no NUL in text, and so no job has one.
    let can_be = [queue, kind].into_iter().flatten().all(|text| !text.contains('\0'));
    let found = match can_be {
        true => database.read(statement, &[&after, &codes, queue, kind, &limit, &may_live, &may_have_ended]).await?,
        false => Vec::new(),
    };
    match &filter.queue {
        Some(queue) if found.is_empty() => check_seen(database, queue).await?,
        _ => {}
    }
    let jobs: Vec<JobRecord> = found.iter().map(rows::record).collect::<Result<_, _>>()?;
    let next = jobs.last().map(|job| job.id).filter(|_| jobs.len() >= page.limit);
    Ok(Listed { jobs, next })
}

async fn check_seen(database: &Database, queue: &str) -> Result<(), Fault> {
    let known = read::stats(database).await?.queues;
    if known.iter().any(|known| known.queue == queue) {
        return Ok(());
    }
    let known: Vec<String> = known.into_iter().map(|known| known.queue).collect();
    Err(Error::no_such_queue(queue, &known).into())
}
