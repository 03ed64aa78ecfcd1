//! Paths that lack or have a slash at their end, and those at which there is nothing.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use crate::failure::Failure;
use crate::layout::Frame;
use crate::pages::overview;
use crate::shared::Shared;

/// The first page. Where the path to it has no slash at its end, relative links would lead beside the dashboard, so that a
/// browser is sent on to where the same page is with a name.
pub(crate) async fn first(
    shared: State<Arc<Shared>>,
    frame: Frame,
    OriginalUri(original): OriginalUri,
) -> Result<Response, Failure> {
    let path = original.path();
    if path.ends_with('/') {
        return Ok(overview(shared, frame).await?.into_response());
    }
    Ok(Redirect::temporary(&format!("./{}/overview{}", last(path), query(&original))).into_response())
}

/// Some routers give the first page with a slash as a path that is not known. No other page ends in one.
pub(crate) async fn elsewhere(
    shared: State<Arc<Shared>>,
    frame: Frame,
    original: OriginalUri,
    method: Method,
    uri: Uri,
) -> Result<Response, Failure> {
    match uri.path() {
        "" | "/" if method.is_safe() => first(shared, frame, original).await,
        path if path.ends_with('/') && method.is_safe() => {
            let page = path.trim_end_matches('/');
            let up = "../".repeat(path.len() - page.len());
            Ok(Redirect::temporary(&format!("{up}{}{}", last(page), query(&uri))).into_response())
        }
        _ => Err(Failure::not_found()),
    }
}

/// Where a method is not known at a path that is.
pub(crate) async fn otherwise() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this is not done in this way: go to the page and use its buttons")
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn query(uri: &Uri) -> String {
    uri.query().map(|query| format!("?{query}")).unwrap_or_default()
}
