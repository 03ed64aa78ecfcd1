use std::convert::Infallible;

use axum::Router;
use axum::http::{Method, Request, Response};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use sidetask_tower::BackgroundLayer;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower::{Layer, service_fn};

use crate::site::{Client, Protocol, Ran, Tally, over_protocols, soon, text, until};

over_protocols! {
    under_axum_serve,
    under_plain_hyper_with_a_body_of_another_type,
}

async fn under_axum_serve(protocol: Protocol) {
    let (layer, tally) = (BackgroundLayer::in_process(), Tally::default());
    let counted = tally.clone();
    let app = Router::new()
        .route("/", get(async move || (counted.always(), counted.if_sent(), "hello")))
        .layer(layer.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
    let serving = tokio::spawn(serving.into_future());

    let mut client = Client::connect(address, protocol).await;
    assert_eq!(text(client.get("/").await).await, "hello");
    assert_eq!(text(client.head("/").await).await, "");
    until("it ran", || tally.ran() == Ran::SENT).await;
    drop(stop);
    soon(serving).await.unwrap().unwrap();
    assert!(layer.shutdown(std::time::Duration::from_secs(20)).await.is_clean());
    assert_eq!((tally.ran(), layer.stats().completed), (Ran::SENT, 2));
}

/// No part of axum is in this.
async fn under_plain_hyper_with_a_body_of_another_type(protocol: Protocol) {
    let (layer, tally) = (BackgroundLayer::in_process(), Tally::default());
    let counted = tally.clone();
    let service = layer.layer(service_fn(move |request: Request<Incoming>| {
        // hyper itself would send the body of a HEAD response on HTTP/2.
        let body = if request.method() == Method::HEAD { "" } else { "hello" };
        let response = Response::builder().header("content-length", "5");
        let mut response = response.body(Full::new(Bytes::from(body))).unwrap();
        counted.always().attach(&mut response);
        counted.if_sent().attach(&mut response);
        async { Ok::<_, Infallible>(response) }
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let io = TokioIo::new(listener.accept().await.unwrap().0);
        let service = TowerToHyperService::new(service);
        // The end of the connection is the client's doing.
        drop(match protocol {
            Protocol::Http1 => hyper::server::conn::http1::Builder::new().serve_connection(io, service).await,
            Protocol::Http2 => {
                hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
            }
        });
    });

    let mut client = Client::connect(address, protocol).await;
    let response = client.get("/").await;
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(text(response).await, "hello");
    let response = client.head("/").await;
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(text(response).await, "");
    until("it ran", || tally.ran() == Ran::SENT).await;
    client.vanish();
    soon(serving).await.unwrap();
    assert!(layer.shutdown(std::time::Duration::from_secs(20)).await.is_clean());
    assert_eq!((tally.ran(), layer.stats().completed), (Ran::SENT, 2));
}
