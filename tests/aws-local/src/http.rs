//! Requests to other servers.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A pool of connections.
#[derive(Clone, Debug)]
pub(crate) struct Client(Pool<HttpConnector, Full<Bytes>>);

impl Client {
    pub(crate) fn new() -> Self {
        // A connection that a single-threaded Python server has closed meanwhile fails the request that finds it.
        Self(Pool::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http())
    }

    /// Sends a request, and answers whatever the server does.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
        let what = format!("{} {}", request.method(), request.uri());
        let response = self.0.request(request).await.with_context(|| format!("`{what}` failed"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.with_context(|| format!("the answer to `{what}` broke off"))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    /// The body of the answer. Fails where its status says that the request did.
    pub(crate) async fn body(&self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        let what = format!("{} {}", request.method(), request.uri());
        let response = self.send(request).await?;
        let (status, body) = (response.status(), response.into_body());
        ensure!(status.is_success(), "`{what}` was answered by {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// The body of the answer, unless it is 404.
    pub(crate) async fn body_if_found(&self, request: Request<Full<Bytes>>) -> Result<Option<Bytes>> {
        let response = self.send(request).await?;
        let (status, body) = (response.status(), response.into_body());
        ensure!(status.is_success() || status == StatusCode::NOT_FOUND, "{status}: {}", String::from_utf8_lossy(&body));
        Ok(status.is_success().then_some(body))
    }
}
