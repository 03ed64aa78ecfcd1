//! Looking at jobs and changing them.

use sidetask::{Filter, JobRecord};

use crate::args::Jobs;
use crate::exit::Failure;
use crate::output::Cell;
use crate::session::Session;

mod change;
mod list;
mod rewrite;
mod show;
mod tail;

pub(super) async fn run(session: &Session, jobs: Jobs) -> Result<(), Failure> {
    match jobs {
        Jobs::List { filter, limit, after } => list::run(session, &filter, limit, after).await,
        Jobs::Show { id } => show::run(session, id).await,
        Jobs::Retry(bulk) => change::run(session, change::Verb::Retry, bulk).await,
        Jobs::Cancel(bulk) => change::run(session, change::Verb::Cancel, bulk).await,
        Jobs::Delete(bulk) => change::run(session, change::Verb::Delete, bulk).await,
        Jobs::RunNow(bulk) => change::run(session, change::Verb::RunNow, bulk).await,
        Jobs::Rewrite { id, args, fence, dry_run } => rewrite::run(session, id, &args, fence, dry_run).await,
        Jobs::Tail { filter, recent } => tail::run(session, &filter, recent).await,
    }
}

/// Words of the command line as one filter.
fn filter(words: &[String]) -> Result<Filter, Failure> {
    Ok(Filter::parse(words.join(" ").trim())?)
}

/// How much of its attempts a job has used.
fn attempts(job: &JobRecord) -> Cell {
    Cell::new(format!("{}/{}", job.attempt, job.max_attempts))
}
