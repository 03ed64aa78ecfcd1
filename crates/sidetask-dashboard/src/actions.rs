//! What people do. Each answers with the page to look at next, so that reloading it does nothing twice.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sidetask::{Client, Error, JobId};

use crate::failure::Failure;
use crate::flash::{Did, Flash};
use crate::layout::Frame;
use crate::pages::{Edit, MOST, Wish, conflict, misread, refuse_to_guess};
use crate::posted::Posted;
use crate::shared::Shared;

/// Does something to one job.
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    frame: Frame,
    Path((id, what)): Path<(String, String)>,
) -> Result<Redirect, Failure> {
    let id: JobId = id.parse()?;
    let did = apply(&shared.client, id, &what).await?.0;
    let next = if did == Did::Delete { "jobs".to_owned() } else { format!("jobs/{id}") };
    Ok(Redirect::to(&frame.to(format!("{next}?{}", Flash::of(did)))))
}

/// Does what a path says, and answers the state that the job is in then; in that it was, where it is deleted.
pub(crate) async fn apply(client: &Client, id: JobId, what: &str) -> Result<(Did, sidetask::State), Failure> {
    let did = match what {
        "retry" => (Did::Retry, client.retry(id).await?),
        "cancel" => (Did::Cancel, client.cancel(id).await?),
        "run-now" => (Did::RunNow, client.reschedule(id, Duration::ZERO).await?),
        "delete" => (Did::Delete, delete(client, id).await?),
        _ => return Err(Failure::not_found()),
    };
    Ok(did)
}

async fn delete(client: &Client, id: JobId) -> Result<sidetask::State, Error> {
    match client.delete(id).await? {
        sidetask::State::Running => Err(Error::conflict(format!(
            "job {id} runs, so that it was not deleted: cancel it, and wait until it has ended"
        ))),
        state => Ok(state),
    }
}

/// Gives a job other arguments and has it run again.
pub(crate) async fn edit(
    State(shared): State<Arc<Shared>>,
    frame: Frame,
    Path(id): Path<String>,
    Posted(edit): Posted<Edit>,
) -> Result<Response, Failure> {
    let id: JobId = id.parse()?;
    let shown = shared.job(id).await?.ok_or_else(|| Error::no_such_job(id))?;
    if shown.is_redacted {
        return Err(Failure::forbidden(
            "the arguments of this job are not shown here in full, so that they cannot be changed",
        ));
    }
    let args = match edit.args() {
        Ok(args) => args,
        Err(error) => return Ok(misread(&frame, &edit, &shown, &error)),
    };
    if !edit.is_current(&shown.job) {
        return Ok(conflict(&frame, &edit, &shown));
    }
    match shared.client.rewrite(&shown.job, args).await {
        Ok(_) => Ok(Redirect::to(&frame.to(format!("jobs/{id}?{}", Flash::of(Did::Rewrite)))).into_response()),
        Err(error) if error.is_conflict() => {
            let shown = shared.job(id).await?.ok_or_else(|| Error::no_such_job(id))?;
            Ok(conflict(&frame, &edit, &shown))
        }
        Err(error) if error.is_decode() || error.is_too_large() => Ok(misread(&frame, &edit, &shown, &error)),
        Err(error) => Err(error.into()),
    }
}

/// Does something to all jobs that pass a filter.
pub(crate) async fn bulk(
    State(shared): State<Arc<Shared>>,
    frame: Frame,
    Posted(wish): Posted<Wish>,
) -> Result<Redirect, Failure> {
    let doable = wish.doable()?;
    let Some(filter) = wish.ask().filter()? else {
        return Ok(Redirect::to(&frame.to(with(&wish.list(), &Flash::of_many(doable.did, 0, 0)))));
    };
    refuse_to_guess(&shared, &filter)?;
    let changed = shared.client.change_all(&filter, doable.bulk, MOST).await?;
    let flash = Flash::of_many(doable.did, changed.changed, changed.matched);
    Ok(Redirect::to(&frame.to(with(&wish.list(), &flash))))
}

fn with(page: &str, flash: &str) -> String {
    format!("{page}{}{flash}", if page.contains('?') { '&' } else { '?' })
}

/// The name of a queue, which may have any characters and so is in no path.
#[derive(Deserialize)]
pub(crate) struct Named {
    queue: String,
}

/// Holds a queue back, or lets it go on.
pub(crate) async fn pause(
    State(shared): State<Arc<Shared>>,
    frame: Frame,
    Path(what): Path<String>,
    Posted(Named { queue }): Posted<Named>,
) -> Result<Redirect, Failure> {
    let did = match what.as_str() {
        "pause" => {
            shared.client.pause(&queue).await?;
            Did::Pause
        }
        "resume" => {
            shared.client.resume(&queue).await?;
            Did::Resume
        }
        _ => return Err(Failure::not_found()),
    };
    Ok(Redirect::to(&frame.to(format!("queues?{}", Flash::of(did)))))
}
