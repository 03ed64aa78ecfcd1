//! The body of a response, watched until it is complete.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::{HeaderMap, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::after::After;
use crate::completion::{Completion, Ending};

pin_project! {
    /// The body of a response under a [`BackgroundLayer`](crate::BackgroundLayer): frames, `is_end_stream` and
    /// `size_hint` are those of the body within.
    #[derive(Debug)]
    pub struct BackgroundBody<B> {
        #[pin]
        body: Option<B>,
        watch: Option<Box<Watch>>,
    }
}

#[derive(Debug)]
struct Watch {
    completion: Completion,
    after: Option<After>,
}

impl<B: Body> BackgroundBody<B> {
    pub(crate) const fn unwatched(body: B) -> Self {
        Self { body: Some(body), watch: None }
    }

    pub(crate) fn watched(body: B, status: StatusCode, headers: &HeaderMap, after: After) -> Self {
        // A server that finds no length among the headers declares the exact one of the body.
        let declared = content_length(headers).or_else(|| body.size_hint().exact());
        let completion = Completion::new(body.is_end_stream(), declared, has_body(status));
        Self { body: Some(body), watch: Some(Box::new(Watch { completion, after: Some(after) })) }
    }
}

/// An empty body, for layers around that answer by themselves.
impl<B> Default for BackgroundBody<B> {
    fn default() -> Self {
        Self { body: None, watch: None }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn has_body(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}

impl<B: Body> Body for BackgroundBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(mut body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(body.as_mut().poll_frame(cx));
        if let Some(watch) = this.watch {
            watch.see(frame.as_ref(), || body.is_end_stream());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Watch {
    fn see<D: Buf, E>(&mut self, frame: Option<&Result<Frame<D>, E>>, is_end_stream: impl FnOnce() -> bool) {
        let ending = match frame {
            None => self.completion.end(),
            Some(Err(_)) => self.completion.error(),
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => self.completion.data(data.remaining() as u64, is_end_stream()),
                None => self.completion.trailers(),
            },
        };
        self.settle(ending);
    }

    fn settle(&mut self, ending: Option<Ending>) {
        if let (Some(ending), Some(after)) = (ending, self.after.as_mut()) {
            after.settle(ending);
            self.after = None;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let ending = self.completion.drop();
        self.settle(ending);
    }
}
