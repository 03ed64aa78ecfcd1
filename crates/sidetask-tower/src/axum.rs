//! As a part of axum responses, and as an extractor.

use std::convert::Infallible;
use std::fmt;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::StatusCode;
use http::request::Parts;

use crate::Background;

/// Attaches it to the response.
impl IntoResponseParts for Background {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        self.attach_to(parts.extensions_mut());
        Ok(parts)
    }
}

/// An empty response with it.
impl IntoResponse for Background {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}

/// An empty list for the response to this request. Tasks added to it are dropped where the handler fails.
impl<S: Sync> FromRequestParts<S> for Background {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingLayer> {
        Self::of_extensions(&parts.extensions).ok_or_else(|| {
            tracing::error!(path = parts.uri.path(), "{MissingLayer}");
            MissingLayer
        })
    }
}

/// There is no [`BackgroundLayer`](crate::BackgroundLayer) around a handler that takes a [`Background`]. As a response:
/// 500.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MissingLayer;

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a handler takes `Background`, but there is no BackgroundLayer around it: add one to the router with \
             `.layer(..)`",
        )
    }
}

impl std::error::Error for MissingLayer {}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, "no BackgroundLayer around this handler").into_response()
    }
}
