//! A web server whose responses store jobs and last until they are told to end.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::get;
use http_body_util::channel::Channel;
use sidetask::{Call, Client};
use sidetask_tower::{Background, BackgroundLayer};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Serves until it is told to stop, with this hold. It works on no job itself.
pub(crate) async fn serve(client: &Client, hold: Duration) -> Result<(), Box<dyn Error>> {
    let layer = BackgroundLayer::builder().client(client.clone()).hold(hold).build()?;
    let app = Router::new()
        .route("/stream/{ms}", get(stream))
        .route("/finish", get(async |State(finish): State<watch::Sender<()>>| finish.send_replace(())))
        .route("/large/{bytes}", get(large))
        .with_state(watch::Sender::default())
        .layer(layer.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("port {}", listener.local_addr()?.port());
    let mut stop = signal(SignalKind::terminate())?;
    axum::serve(listener, app).with_graceful_shutdown(async move { stop.recv().await.unwrap_or_default() }).await?;
    println!("drained {}", layer.shutdown(Duration::from_secs(5)).await);
    Ok(client.close().await?)
}

/// Begins to answer, and goes on until all streams are to finish. A job that takes `ms` follows.
async fn stream(State(finish): State<watch::Sender<()>>, Path(ms): Path<u64>) -> impl IntoResponse {
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let mut finish = finish.subscribe();
    tokio::spawn(async move {
        let is_wanted = sender.send_data("begun\n".into()).await.is_ok();
        is_wanted && finish.changed().await.is_ok()
    });
    let background = Background::durable(crate::work::call(ms));
    if let Some(id) = background.job_id() {
        println!("held {id}");
    }
    (background, Body::new(body))
}

/// Answers at once. A job of this size follows.
async fn large(Path(bytes): Path<usize>) -> impl IntoResponse {
    let call = Call::new("victim.large", "x".repeat(bytes));
    (Background::durable(call), "stored")
}
