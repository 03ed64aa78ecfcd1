//! The body stays what it is.

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use sidetask_tower::{Background, BackgroundLayer};

use crate::kit::{Frames, Ran, data, get};

/// With and without tasks.
async fn both<B: Body>(body: impl Fn() -> B, check: impl AsyncFn(Response<sidetask_tower::BackgroundBody<B>>)) {
    for has_tasks in [false, true] {
        let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
        let response = get(&layer, async |_| {
            let mut response = Response::new(body());
            if has_tasks {
                Background::new(ran.task("after")).attach(&mut response);
            }
            response
        })
        .await;
        check(response).await;
        assert_eq!(ran.by_the_end_of(&layer).await.len(), usize::from(has_tasks));
    }
}

#[tokio::test]
async fn its_length_and_its_end_are_told_as_before() {
    both(
        || Full::new(Bytes::from_static(b"whole")),
        async |response| {
            let mut body = response.into_body();
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "whole");
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
        },
    )
    .await;
    both(Full::<Bytes>::default, async |response| assert!(response.body().is_end_stream())).await;
}

#[tokio::test]
async fn frames_trailers_and_errors_pass_through() {
    let trailers = || HeaderMap::from_iter([(http::header::ETAG, "x".parse().unwrap())]);
    let frames = || [Ok(data("a")), Ok(Frame::trailers(trailers())), Err("broken")];
    both(
        || Frames::new(frames()),
        async |response| {
            let mut body = response.into_body();
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
            assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers());
            assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken");
            assert!(body.frame().await.is_none());
        },
    )
    .await;
}
