use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sidetask_core::{Error, Progress, ProgressUpdate, State, Token, Verdict};
use tokio_postgres::types::{ToSql, Type};

use super::log::{self, logging};
use crate::database::Database;
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;

/// Rows are locked in the order of their ids, as everywhere, so that no two wait for each other. Of one job at most one
/// token is the right one.
macro_rules! progress {
    ($reported:literal, $held:literal, $logged:expr) => {
        concat!(
            "WITH held AS MATERIALIZED (
                 SELECT reported.*
                 FROM {s}.jobs
                 JOIN unnest($1, $2, $3, $4, $5",
            $reported,
            ") WITH ORDINALITY AS reported (id, worker, attempt, fence, progress",
            $held,
            ", place)
                     ON jobs.id = reported.id AND jobs.worker = reported.worker AND jobs.attempt = reported.attempt
                         AND jobs.fence = reported.fence
                 WHERE jobs.state = 2
                 ORDER BY jobs.id FOR UPDATE OF jobs),
             ",
            $logged,
            "kept AS (
                 UPDATE {s}.jobs SET progress = held.progress FROM held
                 WHERE jobs.id = held.id AND held.progress IS NOT NULL)
             SELECT place FROM held"
        )
    };
}

static PROGRESS: Statement = Statement {
    text: progress!("", "", ""),
    types: &[Type::UUID_ARRAY, Type::UUID_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY, Type::TEXT_ARRAY],
};

/// The same where some have logged something.
static PROGRESS_LOGGED: Statement = Statement {
    text: progress!(", $6", ", log", logging!("held")),
    types: &[
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// What one attempt reports. Of several reports the last of each part stays.
#[derive(Default)]
struct Report<'a> {
    progress: Option<&'a Progress>,
    log: Option<Arc<str>>,
}

pub(crate) async fn progress(database: &Database, updates: &[ProgressUpdate]) -> Result<Vec<Verdict>, Fault> {
    let mut reports: HashMap<Token, Report<'_>> = HashMap::new();
    for update in updates {
        let report = reports.entry(update.token).or_default();
        report.progress = update.progress.as_ref().or(report.progress);
        report.log = update.log.as_ref().map(log::kept).or(report.log.take());
    }
    if reports.is_empty() {
        return Ok(Vec::new());
    }
    let (mut tokens, mut ids, mut workers, mut attempts, mut fences, mut texts, mut logs) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (token, report) in reports {
        let text = report.progress.map(serde_json::to_string).transpose();
        texts.push(text.map_err(|error| Error::storage("cannot write progress as JSON", error))?);
        tokens.push(token);
        ids.push(rows::job_uuid(&token.job));
        workers.push(rows::worker_uuid(&token.worker));
        attempts.push(i64::from(token.attempt));
        fences.push(token.fence.cast_signed());
        logs.push(report.log);
    }
    let logs: Vec<Option<&str>> = logs.iter().map(Option::as_deref).collect();
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&ids, &workers, &attempts, &fences, &texts];
    let statement = match logs.iter().any(Option::is_some) {
        true => {
            values.push(&logs);
            &PROGRESS_LOGGED
        }
        false => &PROGRESS,
    };
    let mut held: HashSet<&Token> = HashSet::new();
    for row in database.query(statement, &values).await? {
        let place: i64 = row.try_get(0)?;
        held.extend(usize::try_from(place - 1).ok().and_then(|place| tokens.get(place)));
    }
    let news = News { progress: held.iter().map(|token| token.job).collect(), ..News::default() };
    database.tell_others(&news);
    database.announcer.publish(news);
    let verdict = |token| if held.contains(token) { Verdict::Accepted(State::Running) } else { Verdict::LeaseLost };
    Ok(updates.iter().map(|update| verdict(&update.token)).collect())
}
