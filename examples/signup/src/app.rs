//! The web service.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sidetask::{AttemptError, Client, Counts, JobId, JobRecord, Progress};
use sidetask_tower::{Background, BackgroundLayer};

use crate::mail::send_welcome;

pub(crate) fn router(client: Client, background: BackgroundLayer) -> Router {
    Router::new()
        .route("/signup", post(signup))
        .route("/jobs/{id}", get(job))
        .route("/stats", get(stats))
        .layer(background)
        .with_state(client)
}

#[derive(Debug, Deserialize)]
struct Signup {
    email: String,
}

#[derive(Debug, Serialize)]
struct Accepted {
    job_id: Option<JobId>,
}

/// The layer stores the job before the head of the response goes on, and answers with 503 where it cannot. The job may
/// start once the response is complete.
async fn signup(form: Result<Json<Signup>, JsonRejection>) -> Result<impl IntoResponse, Failure> {
    let Json(Signup { email }) = form?;
    if email.len() > 254 || !email.contains('@') {
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "email must be an e-mail address"));
    }
    let background = Background::durable(send_welcome::call(email));
    let accepted = Accepted { job_id: background.job_id() };
    Ok((StatusCode::ACCEPTED, background, Json(accepted)))
}

/// What people may see of a job.
#[derive(Debug, Serialize)]
struct Shown {
    id: JobId,
    kind: String,
    state: sidetask::State,
    attempt: u32,
    progress: Option<Progress>,
    output: Option<sidetask::Json>,
    errors: Vec<AttemptError>,
}

impl From<JobRecord> for Shown {
    fn from(job: JobRecord) -> Self {
        let JobRecord { id, kind, state, attempt, progress, output, errors, .. } = job;
        Self { id, kind, state, attempt, progress, output, errors }
    }
}

async fn job(State(client): State<Client>, Path(id): Path<String>) -> Result<Json<Shown>, Failure> {
    let id: JobId = id.parse()?;
    match client.job(id).await? {
        Some(job) => Ok(Json(job.into())),
        None => Err(Failure::new(StatusCode::NOT_FOUND, format!("there is no job {id}"))),
    }
}

async fn stats(State(client): State<Client>) -> Result<Json<Counts>, Failure> {
    Ok(Json(client.stats().await?.total()))
}

/// An answer that is none: `{"error": ".."}`.
#[derive(Debug)]
struct Failure {
    status: StatusCode,
    error: String,
}

impl Failure {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }
}

impl From<sidetask::Error> for Failure {
    fn from(error: sidetask::Error) -> Self {
        let status = if error.is_invalid_id() {
            StatusCode::BAD_REQUEST
        } else if error.is_storage() || error.is_closed() {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Self::new(status, error.to_string())
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: String,
        }
        (self.status, Json(Body { error: self.error })).into_response()
    }
}

#[cfg(test)]
mod tests;
