//! Answers that are not what was asked for: a page for people, an object for programs.

use std::error::Error as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use maud::html;
use serde::Serialize;
use sidetask::Error;

use crate::format::visible;
use crate::layout::{Frame, Section, page};
use crate::shared::Shared;

/// Why something was not answered.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// Where in the filter, counted from 1.
    pub(crate) column: Option<usize>,
}

/// The same, for programs.
#[derive(Serialize)]
struct Told<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), column: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// What is at no such path.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is nothing here: begin at the overview")
    }

    fn title(&self) -> &'static str {
        match self.status {
            StatusCode::BAD_REQUEST => "Not understood",
            StatusCode::UNAUTHORIZED => "Password needed",
            StatusCode::FORBIDDEN => "Refused",
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::METHOD_NOT_ALLOWED => "Not done this way",
            StatusCode::CONFLICT => "Changed meanwhile",
            StatusCode::PAYLOAD_TOO_LARGE => "Too large",
            StatusCode::NOT_IMPLEMENTED => "Not supported",
            StatusCode::SERVICE_UNAVAILABLE => "The store does not answer",
            _ => "Something went wrong",
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = status_of(&error);
        if status.is_server_error() {
            tracing::warn!(%error, source = error.source(), "the dashboard could not answer");
        }
        Self { status, message: error.to_string(), column: error.column() }
    }
}

/// The status that an error is answered with.
pub(crate) fn status_of(error: &Error) -> StatusCode {
    match () {
        () if error.is_filter() || error.is_decode() || error.is_configuration() => StatusCode::BAD_REQUEST,
        () if error.is_not_found() || error.is_invalid_id() => StatusCode::NOT_FOUND,
        () if error.is_conflict() => StatusCode::CONFLICT,
        () if error.is_too_large() => StatusCode::PAYLOAD_TOO_LARGE,
        () if error.is_unsupported() => StatusCode::NOT_IMPLEMENTED,
        () if error.is_storage() || error.is_closed() || error.is_unusable() => StatusCode::SERVICE_UNAVAILABLE,
        () => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Only what went wrong: [`render`] knows how it is to look.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives failures and panics their form.
pub(crate) async fn render(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let frame = Frame::new(&parts, shared.read_only);
    let is_api = parts.uri.path().starts_with("/api/");
    let answer = AssertUnwindSafe(next.run(Request::from_parts(parts, body))).catch_unwind().await;
    let mut response = answer.unwrap_or_else(|_| {
        let message = "this page failed: what it said is in the program's log";
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
    });
    let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
    let form = if is_api {
        Json(Told { error: &failure.message, column: failure.column }).into_response()
    } else {
        sheet(&frame, &failure).into_response()
    };
    let (form, body) = form.into_parts();
    response.headers_mut().extend(form.headers);
    *response.body_mut() = body;
    response
}

fn sheet(frame: &Frame, failure: &Failure) -> maud::Markup {
    let may_pass = failure.status == StatusCode::SERVICE_UNAVAILABLE;
    let content = html! {
        p.notice.error role="alert" { (visible(&failure.message)) }
        @if may_pass { p { "This may pass: try it again in a moment. Nothing is lost that was stored." } }
        p { a href=(frame.to("overview")) { "Go to the overview" } }
    };
    page(frame, Section::Nowhere, failure.title(), content)
}
