use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::response::Response;
use http_body_util::BodyExt;

use super::fed;
use crate::site::{Protocol, Ran, Site, over_protocols, soon, text, until};

over_protocols! {
    requests_on_one_connection_each_run_theirs_once,
    requests_at_the_same_time_each_run_theirs_once,
    a_graceful_shutdown_runs_the_tasks_of_what_still_streams,
}

async fn requests_on_one_connection_each_run_theirs_once(protocol: Protocol) {
    let site = Site::answering(async |request: Request| request.uri().path().to_owned()).await;
    let mut client = site.connect(protocol).await;
    for n in 1..=20 {
        let path = format!("/{n}");
        assert_eq!(text(client.get(&path).await).await, path);
        let ran = Ran { always: n, if_sent: n };
        until(&format!("{ran:?}"), || site.tally.ran() == ran).await;
    }
    assert_eq!(site.connections(), 1);
    site.ends_with(Ran { always: 20, if_sent: 20 }).await;
}

async fn requests_at_the_same_time_each_run_theirs_once(protocol: Protocol) {
    let site = Site::answering(async |request: Request| request.uri().path().to_owned()).await;
    let mut clients = Vec::new();
    for n in 0..8 {
        let mut client = site.connect(protocol).await;
        clients.push(tokio::spawn(async move {
            for m in 0..10 {
                let path = format!("/{n}/{m}");
                assert_eq!(text(client.get(&path).await).await, path);
            }
        }));
    }
    for client in clients {
        soon(client).await.unwrap();
    }
    site.ends_with(Ran { always: 80, if_sent: 80 }).await;
}

async fn a_graceful_shutdown_runs_the_tasks_of_what_still_streams(protocol: Protocol) {
    let feed = Arc::new(Mutex::new(None));
    let fed_by = Arc::clone(&feed);
    let mut site = Site::answering(move |_| {
        let (sender, body) = fed();
        *fed_by.lock().unwrap() = Some(sender);
        async { Response::new(body) }
    })
    .await;
    let mut body = site.connect(protocol).await.get("/").await.into_body();
    let mut sender = feed.lock().unwrap().take().unwrap();
    sender.send_data("before".into()).await.unwrap();
    assert_eq!(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "before");
    site.stop().await;
    assert_eq!(site.tally.ran(), Ran::NOTHING);

    sender.send_data(", after".into()).await.unwrap();
    drop(sender);
    assert_eq!(soon(body.collect()).await.unwrap().to_bytes(), ", after");
    site.ends_with(Ran::SENT).await;
}
