//! The service.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::WhenFull;
use crate::after::After;
use crate::body::BackgroundBody;
use crate::carry::{Attached, Slot};
use crate::shared::Shared;

/// A service under a [`BackgroundLayer`](crate::BackgroundLayer).
pub struct BackgroundService<S> {
    inner: S,
    shared: Arc<Shared>,
    /// The wait for room. Locked only by those who have it to themselves: it makes the service `Sync`.
    room: Mutex<Option<Room>>,
}

type Room = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<S> BackgroundService<S> {
    pub(crate) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared, room: Mutex::new(None) }
    }

    /// Holds requests back, where that is wanted.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let room = self.room.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.shared.when_full == WhenFull::Wait {
            while room.is_some() || !self.shared.runner.has_room() {
                let waiting = room.get_or_insert_with(|| {
                    let runner = self.shared.runner.clone();
                    Box::pin(async move { runner.room().await })
                });
                ready!(waiting.as_mut().poll(cx));
                *room = None;
            }
        }
        Poll::Ready(())
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for BackgroundService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
{
    type Response = Response<BackgroundBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.poll_room(cx));
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> ResponseFuture<S::Future> {
        if self.shared.when_full == WhenFull::Reject && !self.shared.runner.has_room() {
            return ResponseFuture { handler: None, pending: None };
        }
        let slot = Slot::new();
        let pending = Pending {
            shared: Arc::clone(&self.shared),
            slot: slot.clone(),
            id: request.headers().get(&self.shared.request_id).cloned(),
            is_head: request.method() == Method::HEAD,
        };
        request.extensions_mut().insert(slot);
        ResponseFuture { handler: Some(self.inner.call(request)), pending: Some(pending) }
    }
}

impl<S: Clone> Clone for BackgroundService<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.shared))
    }
}

impl<S: fmt::Debug> fmt::Debug for BackgroundService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of a [`BackgroundService`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        handler: Option<F>,
        pending: Option<Pending>,
    }
}

/// A request whose handler runs. Dropped, the handler has failed.
#[derive(Debug)]
struct Pending {
    shared: Arc<Shared>,
    slot: Slot,
    id: Option<HeaderValue>,
    is_head: bool,
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<BackgroundBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(handler) = this.handler.as_pin_mut() else {
            return Poll::Ready(Ok(refusal(StatusCode::SERVICE_UNAVAILABLE)));
        };
        let response = ready!(handler.poll(cx))?;
        Poll::Ready(Ok(match this.pending.take() {
            Some(pending) => pending.respond(response),
            None => response.map(BackgroundBody::unwatched),
        }))
    }
}

impl Pending {
    fn respond<B: Body>(self, mut response: Response<B>) -> Response<BackgroundBody<B>> {
        let mut lists = self.slot.close();
        if let Some(Attached(attached)) = response.extensions_mut().remove() {
            lists.extend(attached);
        }
        if lists.is_empty() {
            return response.map(BackgroundBody::unwatched);
        }
        let id = self.id.clone().or_else(|| response.headers().get(&self.shared.request_id).cloned());
        let mut after = After::of(Arc::clone(&self.shared), lists, id);
        if self.is_head {
            after.forget();
        } else if response.status().is_client_error() || response.status().is_server_error() {
            after.fail(true);
        }
        if after.is_empty() {
            return response.map(BackgroundBody::unwatched);
        }
        let (head, body) = response.into_parts();
        let body = BackgroundBody::watched(body, head.status, &head.headers, after);
        Response::from_parts(head, body)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let lists = self.slot.close();
        if !lists.is_empty() {
            let mut after = After::of(Arc::clone(&self.shared), lists, self.id.take());
            if self.is_head {
                after.forget();
            }
            after.fail(false);
        }
    }
}

fn refusal<B: Body>(status: StatusCode) -> Response<BackgroundBody<B>> {
    let mut response = Response::new(BackgroundBody::empty());
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
