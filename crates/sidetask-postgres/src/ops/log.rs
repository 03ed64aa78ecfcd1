//! What attempts log.

use std::sync::Arc;

use sidetask_core::{AttemptLog, JobId, JobRecord, Token};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::database::{Database, Work};
use crate::error::Fault;
use crate::rows;
use crate::statement::Statement;

/// A log as it is kept. PostgreSQL keeps no NUL in text; another character stands for it.
pub(crate) fn kept(log: &Arc<str>) -> Arc<str> {
    match log.contains('\0') {
        false if log.len() <= AttemptLog::BYTES => Arc::clone(log),
        false => AttemptLog::cut(log).into(),
        true => AttemptLog::cut(&log.replace('\0', "\u{fffd}")).into(),
    }
}

/// The logs of the attempts that are forgotten once there is one of a job in `$of`.
macro_rules! forgotten {
    ($of:literal, $job:literal) => {
        concat!("logs.job = ", $of, ".", $job, " AND ", $of, ".attempt > 20 AND logs.attempt <= ", $of, ".attempt - 20")
    };
}

/// Keeps what is in `$of` (`id`, `attempt`, `log`), as parts of a statement that does more.
macro_rules! logging {
    ($of:literal) => {
        concat!(
            "forgotten AS (DELETE FROM {s}.logs USING ",
            $of,
            " WHERE log IS NOT NULL AND ",
            $crate::ops::log::forgotten!($of, "id"),
            "),
             logged AS (
                 INSERT INTO {s}.logs (job, attempt, text) SELECT id, attempt, log FROM ",
            $of,
            " WHERE log IS NOT NULL
                 ON CONFLICT (job, attempt) DO UPDATE SET text = excluded.text),
             "
        )
    };
}

pub(crate) use {forgotten, logging};

// The number that the statements have.
const _: () = assert!(JobRecord::MAX_ERRORS == 20);

static WRITE: Statement = Statement {
    text: concat!(
        "WITH given AS MATERIALIZED (SELECT * FROM unnest($1, $2, $3) AS given (job, attempt, text)),
         forgotten AS (
             DELETE FROM {s}.logs USING given WHERE ",
        forgotten!("given", "job"),
        ")
         INSERT INTO {s}.logs (job, attempt, text) SELECT * FROM given
         ON CONFLICT (job, attempt) DO UPDATE SET text = excluded.text"
    ),
    types: &[Type::UUID_ARRAY, Type::INT8_ARRAY, Type::TEXT_ARRAY],
};

/// Keeps the logs of attempts, of each at most one. Their jobs' rows are locked.
pub(crate) async fn write(work: &Work<'_>, logs: &[(Token, Arc<str>)]) -> Result<(), Fault> {
    if logs.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = logs.iter().map(|(token, _)| rows::job_uuid(&token.job)).collect();
    let attempts: Vec<i64> = logs.iter().map(|(token, _)| i64::from(token.attempt)).collect();
    let texts: Vec<&str> = logs.iter().map(|(_, text)| &**text).collect();
    work.query(&WRITE, &[&ids, &attempts, &texts]).await?;
    Ok(())
}

static READ: Statement = Statement {
    text: "SELECT attempt, text FROM (
               SELECT attempt, text FROM {s}.logs WHERE job = $1 ORDER BY attempt DESC LIMIT 20) AS last
           ORDER BY attempt",
    types: &[Type::UUID],
};

/// What the attempts of a job logged.
pub(crate) async fn read(database: &Database, job: JobId) -> Result<Vec<AttemptLog>, Fault> {
    let found = database.read(&READ, &[&rows::job_uuid(&job)]).await?;
    found.iter().map(|row| Ok(AttemptLog { attempt: rows::number(row.try_get(0)?), text: row.try_get(1)? })).collect()
}
