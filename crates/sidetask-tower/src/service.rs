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
use crate::after::{After, Stored};
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
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.poll_room(cx));
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> ResponseFuture<S::Future, ResBody> {
        if self.shared.when_full == WhenFull::Reject && !self.shared.runner.has_room() {
            return ResponseFuture { handler: None, stage: Stage::Refused };
        }
        let slot = Slot::new();
        let handled = Handled {
            shared: Arc::clone(&self.shared),
            slot: slot.clone(),
            id: self.shared.id_in(request.headers()),
            is_head: request.method() == Method::HEAD,
        };
        request.extensions_mut().insert(slot);
        ResponseFuture { handler: Some(self.inner.call(request)), stage: Stage::Handling(Pending(Some(handled))) }
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
    pub struct ResponseFuture<F, B> {
        #[pin]
        handler: Option<F>,
        stage: Stage<B>,
    }
}

enum Stage<B> {
    /// There was no room for the request.
    Refused,
    /// The handler runs.
    Handling(Pending),
    /// The handler's response waits for its durable calls to be stored.
    Storing(Box<Storing<B>>),
    Over,
}

/// A request whose handler runs. Dropped, the handler has failed.
struct Pending(Option<Handled>);

/// What is kept of a request; `None` once its response is there.
struct Handled {
    shared: Arc<Shared>,
    slot: Slot,
    id: Option<HeaderValue>,
    is_head: bool,
}

struct Storing<B> {
    response: Response<B>,
    stored: Stored,
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<BackgroundBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(handler) = this.handler.as_mut().as_pin_mut() {
            let ended = ready!(handler.poll(cx));
            this.handler.set(None);
            let handled = match this.stage {
                Stage::Handling(pending) if ended.is_ok() => pending.0.take(),
                _ => None,
            };
            // A handler that failed is told of by what is dropped here.
            *this.stage = Stage::Over;
            let (response, Some(handled)) = (ended?, handled) else { return Poll::Ready(Ok(refusal(UNAVAILABLE))) };
            match handled.respond(response) {
                Ok(response) => return Poll::Ready(Ok(response)),
                Err(storing) => *this.stage = Stage::Storing(storing),
            }
        }
        if let Stage::Storing(storing) = this.stage {
            let stored = ready!(Pin::new(&mut storing.stored).poll(cx));
            return Poll::Ready(Ok(match (std::mem::replace(this.stage, Stage::Over), stored) {
                (Stage::Storing(storing), Ok(Ok(after))) => watched(storing.response, after),
                (_, Ok(Err(error))) if !is_of_the_moment(&error) => refusal(StatusCode::INTERNAL_SERVER_ERROR),
                _ => refusal(UNAVAILABLE),
            }));
        }
        Poll::Ready(Ok(refusal(UNAVAILABLE)))
    }
}

impl Handled {
    /// The response, or what it has to wait for.
    fn respond<B: Body>(self, mut response: Response<B>) -> Result<Response<BackgroundBody<B>>, Box<Storing<B>>> {
        let Self { shared, slot, id, is_head } = self;
        let mut lists = slot.close();
        if let Some(Attached(attached)) = response.extensions_mut().remove() {
            lists.extend(attached);
        }
        if lists.is_empty() {
            return Ok(response.map(BackgroundBody::unwatched));
        }
        let id = id.or_else(|| shared.id_in(response.headers()));
        let mut after = After::of(shared, lists, id);
        if is_head {
            after.forget();
        } else if response.status().is_client_error() || response.status().is_server_error() {
            after.fail_by_status();
        }
        if after.is_empty() {
            return Ok(response.map(BackgroundBody::unwatched));
        }
        let wanted = after.wanted();
        if wanted.is_empty() {
            Ok(watched(response, after))
        } else {
            Err(Box::new(Storing { response, stored: after.store(wanted) }))
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(Handled { shared, slot, id, is_head }) = self.0.take() else { return };
        let lists = slot.close();
        if !lists.is_empty() {
            let mut after = After::of(shared, lists, id);
            if is_head {
                after.forget();
            }
            after.fail();
        }
    }
}

fn watched<B: Body>(response: Response<B>, after: After) -> Response<BackgroundBody<B>> {
    let (head, body) = response.into_parts();
    let body = BackgroundBody::watched(body, head.status, &head.headers, after);
    Response::from_parts(head, body)
}

/// Whether the store or service is at fault, rather than the call.
fn is_of_the_moment(error: &sidetask::Error) -> bool {
    error.is_storage() || error.is_closed() || error.is_refused()
}

const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// An empty response.
fn refusal<B: Body>(status: StatusCode) -> Response<BackgroundBody<B>> {
    let mut response = Response::new(BackgroundBody::default());
    *response.status_mut() = status;
    if status == UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Refused => "refused",
            Stage::Handling(_) => "handling",
            Stage::Storing(_) => "storing",
            Stage::Over => "over",
        };
        f.debug_struct("ResponseFuture").field("stage", &stage).finish_non_exhaustive()
    }
}
