//! Queries and forms as they come in. One that is not understood, or too large, is a [`Failure`].

use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// How much a form may have: names, a filter.
const BYTES: usize = 64 * 1024;

/// How much a form may have with a mebibyte of arguments, of which each byte takes at most 9 and 3 to indent it: a bracket or
/// comma with the line break before or after it 3 and 6, a character that is spelled out 8.
const BYTES_WITH_ARGS: usize = 12 * 1024 * 1024 + BYTES;

/// A form.
pub(crate) struct Posted<T>(pub(crate) T);

/// Lets no larger body in.
pub(crate) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BYTES)
}

/// The same where arguments are among it.
pub(crate) fn limit_with_args() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BYTES_WITH_ARGS)
}

/// The query.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                Err(Failure::bad_request(format!("the query is not understood: {}", rejection.body_text())))
            }
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match Form::<T>::from_request(request, state).await {
            Ok(Form(form)) => Ok(Self(form)),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

fn refused(rejection: &FormRejection) -> Failure {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let message = "a form as large as this is not taken: keep large data elsewhere and pass a reference";
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        }
        _ => Failure::bad_request(format!("the form is not understood: {}", rejection.body_text())),
    }
}
