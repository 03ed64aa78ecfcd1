use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body_util::channel::Sender;
use http_body_util::{BodyExt, Empty};
use hyper::body::Body as _;

use super::fed;
use crate::site::{Protocol, Ran, Site, over_protocols, soon, text};

over_protocols! {
    a_sized_body_keeps_its_length,
    a_body_in_several_frames_of_known_length_keeps_it,
    an_empty_body,
    a_204,
    a_stream_without_length_stays_without,
    a_stream_that_ends_with_its_declared_length,
    a_stream_shorter_than_its_declared_length_was_not_sent,
    trailers_arrive,
    head_runs_nothing,
    large_bytes_arrive_unchanged,
}

type Feed = Arc<Mutex<Option<Sender<Bytes, std::io::Error>>>>;

/// Answers one request with a stream, which the test feeds; `head` may change what goes before it.
async fn streaming(head: fn(&mut Response<Body>)) -> (Site, Feed) {
    let feed = Feed::default();
    let fed_by = Arc::clone(&feed);
    let site = Site::answering(move |_: Request| {
        let (sender, body) = fed();
        *fed_by.lock().unwrap() = Some(sender);
        let mut response = Response::new(body);
        head(&mut response);
        async { response }
    });
    (site.await, feed)
}

async fn a_sized_body_keeps_its_length(protocol: Protocol) {
    let site = Site::answering(async |_| "hello").await;
    let response = site.connect(protocol).await.get("/").await;
    assert_eq!(response.headers()["content-length"], "5");
    assert!(!response.headers().contains_key("transfer-encoding"));
    assert_eq!(text(response).await, "hello");
    site.ends_with(Ran::SENT).await;
}

/// Its end is known by the number of bytes alone.
async fn a_body_in_several_frames_of_known_length_keeps_it(protocol: Protocol) {
    let (site, feed) = streaming(|response| {
        response.headers_mut().insert("content-length", "6".parse().unwrap());
    })
    .await;
    let mut client = site.connect(protocol).await;
    let response = client.get("/").await;
    let mut sender = feed.lock().unwrap().take().unwrap();
    sender.send_data("one".into()).await.unwrap();
    sender.send_data("two".into()).await.unwrap();
    // HTTP/2 ends a stream by its end.
    drop(sender);
    assert_eq!(response.headers()["content-length"], "6");
    assert!(!response.headers().contains_key("transfer-encoding"));
    assert_eq!(text(response).await, "onetwo");
    site.ends_with(Ran::SENT).await;
}

async fn an_empty_body(protocol: Protocol) {
    let site = Site::answering(async |_| ()).await;
    let response = site.connect(protocol).await.get("/").await;
    assert_eq!(response.headers()["content-length"], "0");
    assert!(response.body().is_end_stream(), "the head says that nothing follows");
    assert_eq!(text(response).await, "");
    site.ends_with(Ran::SENT).await;
}

async fn a_204(protocol: Protocol) {
    let site = Site::answering(async |_| StatusCode::NO_CONTENT).await;
    let response = site.connect(protocol).await.get("/").await;
    assert_eq!(response.status(), 204);
    assert!(response.body().is_end_stream(), "the head says that nothing follows");
    assert!(!response.headers().contains_key("transfer-encoding"));
    assert_eq!(text(response).await, "");
    site.ends_with(Ran::SENT).await;
}

async fn a_stream_without_length_stays_without(protocol: Protocol) {
    let (site, feed) = streaming(|_| {}).await;
    let response = site.connect(protocol).await.get("/").await;
    assert!(!response.headers().contains_key("content-length"));
    let is_chunked = response.headers().get("transfer-encoding").is_some_and(|coding| coding == "chunked");
    assert_eq!(is_chunked, protocol == Protocol::Http1);

    let mut sender = feed.lock().unwrap().take().unwrap();
    let mut body = response.into_body();
    for n in 0..3 {
        sender.send_data(format!("chunk {n}").into()).await.unwrap();
        let frame = soon(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), format!("chunk {n}"));
        assert_eq!(site.tally.ran(), Ran::NOTHING, "more may come");
    }
    drop(sender);
    assert_eq!(soon(body.collect()).await.unwrap().to_bytes(), "");
    site.ends_with(Ran::SENT).await;
}

/// The body itself never ends: the server has no reason to look.
async fn a_stream_that_ends_with_its_declared_length(protocol: Protocol) {
    let (site, feed) = streaming(|response| {
        response.headers_mut().insert("content-length", "8".parse().unwrap());
    })
    .await;
    let response = site.connect(protocol).await.get("/").await;
    assert_eq!(response.headers()["content-length"], "8");
    let mut sender = feed.lock().unwrap().take().unwrap();
    let mut body = response.into_body();
    sender.send_data("half".into()).await.unwrap();
    assert_eq!(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "half");
    assert_eq!(site.tally.ran(), Ran::NOTHING);
    sender.send_data("half".into()).await.unwrap();
    assert_eq!(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "half");
    crate::site::until("complete", || site.tally.ran() == Ran::SENT).await;
    drop(sender);
    site.ends_with(Ran::SENT).await;
}

/// The server breaks it off.
async fn a_stream_shorter_than_its_declared_length_was_not_sent(protocol: Protocol) {
    let (site, feed) = streaming(|response| {
        response.headers_mut().insert("content-length", "8".parse().unwrap());
    })
    .await;
    let response = site.connect(protocol).await.get("/").await;
    let mut sender = feed.lock().unwrap().take().unwrap();
    sender.send_data("half".into()).await.unwrap();
    drop(sender);
    soon(response.into_body().collect()).await.unwrap_err();
    site.ends_with(Ran::NOT_SENT).await;
}

async fn trailers_arrive(protocol: Protocol) {
    let (site, feed) = streaming(|response| {
        response.headers_mut().insert("trailer", "x-sum".parse().unwrap());
    })
    .await;
    let mut client = site.connect(protocol).await;
    let request = axum::http::Request::builder().uri("/").header("host", "localhost").header("te", "trailers");
    let response = client.send(request.body(Empty::new()).unwrap()).await.unwrap();
    let mut sender = feed.lock().unwrap().take().unwrap();
    sender.send_data("counted".into()).await.unwrap();
    sender.send_trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())])).await.unwrap();
    drop(sender);
    let collected = soon(response.into_body().collect()).await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-sum"], "7");
    assert_eq!(collected.to_bytes(), "counted");
    site.ends_with(Ran::SENT).await;
}

async fn head_runs_nothing(protocol: Protocol) {
    let site = Site::answering(async |_| "hello").await;
    let mut client = site.connect(protocol).await;
    let response = client.head("/").await;
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(text(response).await, "");
    assert_eq!(text(client.get("/").await).await, "hello");
    site.ends_with(Ran::SENT).await;
}

async fn large_bytes_arrive_unchanged(protocol: Protocol) {
    let bytes: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let answer = bytes.clone();
    let site = Site::answering(move |_| {
        let answer = answer.clone();
        async { answer.into_response() }
    })
    .await;
    let response = site.connect(protocol).await.get("/").await;
    assert_eq!(response.headers()["content-length"], "3000000");
    assert!(soon(response.into_body().collect()).await.unwrap().to_bytes() == bytes);
    site.ends_with(Ran::SENT).await;
}
