use serde::Serialize;
use sidetask::{Error, JobId, State};

use crate::commands::input;
use crate::exit::{Exit, Failure};
use crate::session::{Opening, Session};

#[derive(Serialize)]
struct Rewritten {
    id: JobId,
    state: State,
    dry_run: bool,
}

pub(super) async fn run(
    session: &Session,
    id: JobId,
    given: &str,
    fence: Option<u64>,
    dry_run: bool,
) -> Result<(), Failure> {
    let client = session.open(Opening::Existing).await?;
    let job = client.job(id).await?.ok_or_else(|| Error::no_such_job(id))?;
    let args = input::arguments(given, &job.kind, &session.registry)?;
    if fence.is_some_and(|fence| fence != job.fence) || job.state == State::Running {
        return Err(Failure::new(
            Exit::Conflict,
            format!("job {id} is {} and its fence {}: look at it again, and decide anew", job.state, job.fence),
        ));
    }
    let state = if dry_run { job.state } else { client.rewrite(&job, args).await? };
    let rewritten = Rewritten { id, state, dry_run };
    session.out.value(&rewritten, |_| format!("{id} {}{state}\n", if dry_run { "stays " } else { "" }))?;
    Ok(client.close().await?)
}
