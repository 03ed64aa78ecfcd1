use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::Sender;
use hyper::body::Incoming;
use sidetask_tower::{Background, BackgroundLayer};

use super::fed;
use crate::site::{Client, Gate, Protocol, Ran, Site, over_protocols, soon, text, until};

over_protocols! {
    a_client_that_disconnects_mid_stream_was_not_sent_it,
    a_response_that_is_cancelled_alone_was_not_sent,
    a_body_that_fails_was_not_sent,
    a_body_that_fails_at_once_was_not_sent,
    a_client_gone_before_the_response_runs_nothing,
}

/// A stream of which the client has the beginning.
async fn begun(protocol: Protocol) -> (Site, Client, Sender<Bytes, io::Error>, Incoming) {
    let feed = Arc::new(Mutex::new(None));
    let fed_by = Arc::clone(&feed);
    let site = Site::answering(move |request: Request| {
        let (sender, body) = fed();
        let response = if request.uri().path() == "/" {
            *fed_by.lock().unwrap() = Some(sender);
            Response::new(body)
        } else {
            Response::new("other".into())
        };
        async { response }
    })
    .await;
    let mut client = site.connect(protocol).await;
    let mut body = client.get("/").await.into_body();
    let mut sender = feed.lock().unwrap().take().unwrap();
    sender.send_data("begin".into()).await.unwrap();
    assert_eq!(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "begin");
    assert_eq!(site.tally.ran(), Ran::NOTHING);
    (site, client, sender, body)
}

async fn a_client_that_disconnects_mid_stream_was_not_sent_it(protocol: Protocol) {
    let (site, client, sender, body) = begun(protocol).await;
    client.vanish();
    drop(body);
    site.ends_with(Ran::NOT_SENT).await;
    drop(sender);
}

async fn a_response_that_is_cancelled_alone_was_not_sent(protocol: Protocol) {
    let (site, mut client, sender, body) = begun(protocol).await;
    drop(body);
    until("the stream ends", || site.tally.ran() == Ran::NOT_SENT).await;
    let mut ran = Ran::NOT_SENT;
    if protocol == Protocol::Http2 {
        assert_eq!(text(client.get("/other").await).await, "other");
        assert_eq!(site.connections(), 1);
        ran = Ran { always: 2, if_sent: 1 };
    }
    site.ends_with(ran).await;
    drop(sender);
}

async fn a_body_that_fails_was_not_sent(protocol: Protocol) {
    let (site, _client, sender, body) = begun(protocol).await;
    sender.abort(io::Error::other("the disk is gone"));
    soon(body.collect()).await.unwrap_err();
    site.ends_with(Ran::NOT_SENT).await;
}

async fn a_body_that_fails_at_once_was_not_sent(protocol: Protocol) {
    let site = Site::answering(async |_| {
        let (sender, body) = fed();
        sender.abort(io::Error::other("the disk is gone"));
        Response::new(body)
    })
    .await;
    let mut client = site.connect(protocol).await;
    // Whether the head still goes out is the server's matter.
    if let Ok(response) = client.request(axum::http::Method::GET, "/").await {
        soon(response.into_body().collect()).await.unwrap_err();
    }
    site.ends_with(Ran::NOT_SENT).await;
}

/// The handler's future is dropped: there is no response to attach anything to, and the tasks that it added are not
/// its last word.
async fn a_client_gone_before_the_response_runs_nothing(protocol: Protocol) {
    struct SayWhenDropped(Gate);
    impl Drop for SayWhenDropped {
        fn drop(&mut self) {
            self.0.open(1);
        }
    }

    let (gate, dropped, ran) = (Gate::new(), Gate::new(), crate::site::Tally::default());
    let (entered, left, tally) = (gate.clone(), dropped.clone(), ran.clone());
    let routes = Router::new().fallback(async move |usual: Background, even_then: Background| {
        let _left = SayWhenDropped(left);
        usual.add_task(tally.task(1));
        even_then.even_on_error().add_task(tally.task(0));
        entered.pass().await;
        (tally.always(), tally.if_sent(), "never")
    });
    let site = Site::serving(BackgroundLayer::in_process(), routes).await.counted_by(ran);
    let mut client = site.connect(protocol).await;
    let requesting = tokio::spawn(async move { client.request(axum::http::Method::GET, "/").await.is_ok() });
    gate.until_came(1).await;
    requesting.abort();
    soon(requesting).await.unwrap_err();
    soon(dropped.pass()).await;
    site.ends_with(Ran { always: 1, if_sent: 0 }).await;
}
