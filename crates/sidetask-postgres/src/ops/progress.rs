use std::collections::{HashMap, HashSet};

use sidetask_core::{Error, ProgressUpdate, State, Token, Verdict};
use tokio_postgres::types::Type;

use crate::database::{Database, Parameters};
use crate::error::Fault;
use crate::news::News;
use crate::rows;
use crate::statement::Statement;

/// Rows are locked in the order of their ids, as everywhere, so that no two wait for each other. Of one job at most one
/// token is the right one.
static PROGRESS: Statement = Statement {
    text: "WITH held AS MATERIALIZED (
               SELECT jobs.id, reported.progress, reported.place
               FROM {s}.jobs
               JOIN unnest($1, $2, $3, $4, $5) WITH ORDINALITY
                   AS reported (id, worker, attempt, fence, progress, place)
                   ON jobs.id = reported.id AND jobs.worker = reported.worker AND jobs.attempt = reported.attempt
                       AND jobs.fence = reported.fence
               WHERE jobs.state = 2
               ORDER BY jobs.id FOR UPDATE OF jobs),
           kept AS (
               UPDATE {s}.jobs SET progress = held.progress FROM held WHERE jobs.id = held.id RETURNING held.place)
           SELECT place FROM kept",
    types: &[Type::UUID_ARRAY, Type::UUID_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY, Type::TEXT_ARRAY],
};

pub(crate) async fn progress(database: &Database, updates: &[ProgressUpdate]) -> Result<Vec<Verdict>, Fault> {
    // Of several reports of one attempt the last one stays.
    let last: HashMap<Token, &ProgressUpdate> = updates.iter().map(|update| (update.token, update)).collect();
    if last.is_empty() {
        return Ok(Vec::new());
    }
    let (mut tokens, mut ids, mut workers, mut attempts, mut fences, mut texts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (token, update) in last {
        let text = serde_json::to_string(&update.progress)
            .map_err(|error| Error::storage("cannot write progress as JSON", error))?;
        tokens.push(token);
        ids.push(rows::job_uuid(&token.job));
        workers.push(rows::worker_uuid(&token.worker));
        attempts.push(i64::from(token.attempt));
        fences.push(token.fence.cast_signed());
        texts.push(text);
    }
    let values: Parameters<'_> = &[&ids, &workers, &attempts, &fences, &texts];
    let mut held: HashSet<&Token> = HashSet::new();
    for row in database.query(&PROGRESS, values).await? {
        let place: i64 = row.try_get(0)?;
        held.extend(usize::try_from(place - 1).ok().and_then(|place| tokens.get(place)));
    }
    let news = News { progress: held.iter().map(|token| token.job).collect(), ..News::default() };
    database.tell_others(&news);
    database.announcer.publish(news);
    let verdict = |token| if held.contains(token) { Verdict::Accepted(State::Running) } else { Verdict::LeaseLost };
    Ok(updates.iter().map(|update| verdict(&update.token)).collect())
}
