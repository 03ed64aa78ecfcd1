//! What every test needs: bodies and services made by hand, a log of what ran, and waiting that ends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use sidetask::{JobRecord, State, Task};
use sidetask_tower::{BackgroundBody, BackgroundLayer};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// Longer than anything here takes, save what hangs.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// What ran, in order. Clones are one log.
#[derive(Clone, Default)]
pub(crate) struct Ran(Arc<Mutex<Vec<&'static str>>>);

impl Ran {
    /// A task that notes its name.
    pub(crate) fn task(&self, name: &'static str) -> Task {
        let ran = self.clone();
        Task::new(move || {
            ran.note(name);
            async {}
        })
        .named(name)
    }

    pub(crate) fn note(&self, name: &'static str) {
        self.0.lock().unwrap().push(name);
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }

    /// What ran by the time that everything has ended.
    pub(crate) async fn by_the_end_of(&self, layer: &BackgroundLayer) -> Vec<&'static str> {
        let report = layer.shutdown(LONG).await;
        assert!(report.is_clean(), "{report}");
        self.names()
    }
}

/// A body that gives these frames, one a poll. Its end is seen only by polling.
#[derive(Debug)]
pub(crate) struct Frames {
    frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
    size: SizeHint,
}

impl Frames {
    pub(crate) fn new(frames: impl IntoIterator<Item = Result<Frame<Bytes>, &'static str>>) -> Self {
        Self { frames: frames.into_iter().collect(), size: SizeHint::default() }
    }

    /// Says how many bytes it has.
    pub(crate) fn sized(mut self, bytes: u64) -> Self {
        self.size = SizeHint::with_exact(bytes);
        self
    }

    /// Two frames of three bytes.
    pub(crate) fn two() -> Self {
        Self::new([Ok(data("one")), Ok(data("two"))])
    }

    /// A frame, then an error.
    pub(crate) fn broken() -> Self {
        Self::new([Ok(data("one")), Err("broken")])
    }
}

pub(crate) fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

/// How a client and its connection treat a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {
    ReadsAll,
    LeavesAfterOneFrame,
    LeavesBeforeTheBody,
}

/// Reads the body of a response as a client does, and drops it.
pub(crate) async fn read<B: Body + Unpin>(response: Response<B>, client: Client) {
    let mut body = response.into_body();
    let frames = match client {
        Client::ReadsAll => usize::MAX,
        Client::LeavesAfterOneFrame => 1,
        Client::LeavesBeforeTheBody => 0,
    };
    for _ in 0..frames {
        if !matches!(body.frame().await, Some(Ok(_))) {
            return;
        }
    }
}

/// Sends a request through the layer to a handler.
pub(crate) async fn call<H, Fut, B, E>(
    layer: &BackgroundLayer,
    request: Request<()>,
    handler: H,
) -> Result<Response<BackgroundBody<B>>, E>
where
    H: FnMut(Request<()>) -> Fut,
    Fut: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    layer.layer(service_fn(handler)).oneshot(request).await
}

/// Sends a GET request through the layer to a handler that cannot fail.
pub(crate) async fn get<B: Body>(
    layer: &BackgroundLayer,
    handler: impl AsyncFnOnce(Request<()>) -> Response<B>,
) -> Response<BackgroundBody<B>> {
    let mut handler = Some(handler);
    let handler = |request| {
        let handler = handler.take().unwrap();
        async move { Ok::<_, Infallible>(handler(request).await) }
    };
    call(layer, Request::new(()), handler).await.unwrap()
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let what = format!("waited in vain for: {what}");
    async move {
        let holds = async {
            while !condition().await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(LONG, holds).await.expect(&what);
    }
}

/// State, and milliseconds until it is due.
pub(crate) fn standing(job: &JobRecord, now: sidetask::Timestamp) -> (State, u128) {
    (job.state, job.run_at.since(now).as_millis())
}
