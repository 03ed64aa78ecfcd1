use sidetask_core::{Error, Filter, JobRecord, Page, State};
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

/// Each table is read in the order of its ids and no further than the page, so that a long history costs nothing.
macro_rules! page {
    ($also:literal) => {
        concat!(
            "SELECT * FROM (
                 (SELECT ",
            live!(),
            " FROM {s}.jobs ",
            passes!(),
            " ORDER BY id DESC LIMIT $5) UNION ALL (SELECT ",
            ended!(),
            " FROM {s}.history ",
            passes!(),
            $also,
            " ORDER BY id DESC LIMIT $5)) AS both_of_them ORDER BY id DESC LIMIT $5"
        )
    };
}

const TYPES: &[Type] = &[Type::UUID, Type::INT2_ARRAY, Type::TEXT, Type::TEXT, Type::INT8];

static LIST: Statement = Statement { text: page!(""), types: TYPES };

/// What did not complete has an index of its own: a few dead letters are not searched for among all that went well.
static LIST_WITHOUT_COMPLETED: Statement = Statement { text: page!(" AND state <> 4"), types: TYPES };

pub(crate) async fn list(database: &Database, filter: &Filter, page: Page) -> Result<Vec<JobRecord>, Fault> {
    let codes: Vec<i16> = filter.states.iter().map(|state| rows::code(*state)).collect();
    let states = (!codes.is_empty()).then_some(codes);
    let statement = match states {
        Some(_) if !filter.states.contains(&State::Completed) => &LIST_WITHOUT_COMPLETED,
        _ => &LIST,
    };
    let after: Option<Uuid> = page.after.as_ref().map(rows::job_uuid);
    let limit = i64::try_from(page.limit.clamp(1, Page::MOST)).unwrap_or(i64::MAX);
    let found = database.read(statement, &[&after, &states, &filter.queue, &filter.kind, &limit]).await?;
    match &filter.queue {
        Some(queue) if found.is_empty() => check_seen(database, queue).await?,
        _ => {}
    }
    Ok(found.iter().map(rows::record).collect::<Result<_, _>>()?)
}

async fn check_seen(database: &Database, queue: &str) -> Result<(), Fault> {
    let known = read::stats(database).await?.queues;
    if known.iter().any(|known| known.queue == queue) {
        return Ok(());
    }
    let known: Vec<String> = known.into_iter().map(|known| known.queue).collect();
    Err(Error::no_such_queue(queue, &known).into())
}
