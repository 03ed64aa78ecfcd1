//! Calls that are stored before the head goes out.

use std::time::Duration;

use axum::extract::Request;
use axum::response::IntoResponse;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use sidetask::{Filter, Page, State, task};
use sidetask_tower::{Background, BackgroundLayer};

use super::site;
use crate::site::{Gate, Notes, soon, text, until};

#[task(name = "cases.mail")]
async fn mail(#[state] notes: Notes, to: String) {
    notes.note(to);
}

#[tokio::test]
async fn a_stored_call_is_there_with_the_head_and_runs_once_after_the_body() {
    let (notes, gate) = (Notes::default(), Gate::new());
    let client = sidetask::connect("memory:").await.unwrap();
    let worker = client.worker().queue("default", 4).state(notes.clone()).start().await.unwrap();
    let finish = gate.clone();
    // The end of the response is what counts: nothing here waits for that of the hold.
    let layer = BackgroundLayer::builder().client(client.clone()).hold(Duration::from_secs(3600)).build().unwrap();
    let (site, mut connection) = site(layer, async move || {
        let (mut sender, body) = Channel::<bytes::Bytes>::new(1);
        tokio::spawn(async move {
            sender.send_data("begin".into()).await.unwrap();
            finish.pass().await;
            drop(sender);
        });
        (Background::durable(mail::call("ada".into())), axum::body::Body::new(body))
    })
    .await;
    let mut body = connection.get("/").await.into_body();
    let jobs = client.list(Filter::all(), Page::first(10)).await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.state).collect::<Vec<_>>(), [State::Scheduled]);
    assert_eq!(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "begin");
    assert_eq!(notes.all(), [""; 0]);

    gate.open(1);
    assert_eq!(soon(body.collect()).await.unwrap().to_bytes(), "");
    let job = client.handle::<()>(jobs[0].id);
    soon(job.output()).await.unwrap();
    site.end().await;
    assert!(soon(worker.shutdown(Duration::from_secs(20))).await.given_back.is_empty());
    let record = job.record().await.unwrap();
    assert_eq!((notes.all(), record.state, record.attempt), (vec!["ada".to_owned()], State::Completed, 1));
}

/// Nobody is told that what cannot be stored will be done.
#[tokio::test]
async fn where_nothing_can_be_stored_the_client_gets_503_and_nothing_runs() {
    let notes = Notes::default();
    let client = sidetask::connect("memory:").await.unwrap();
    client.close().await.unwrap();
    let layer = notes.layer_with(|builder| builder.client(client));
    let noted = notes.clone();
    let (site, mut connection) = site(layer, async move |extracted: Background, request: Request| {
        if request.uri().path() == "/other" {
            return (Background::new(noted.task("other")), "hello").into_response();
        }
        extracted.add_task(noted.task("extracted"));
        let attached = Background::new(noted.task("attached"));
        (Background::durable(mail::call("ada".into())), attached, "accepted").into_response()
    })
    .await;
    let response = connection.get("/").await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(text(response).await, "");
    // What stores nothing goes on as before, on the same connection.
    assert_eq!(text(connection.get("/other").await).await, "hello");
    until("the failure and the other task", || notes.all().len() == 2).await;
    assert_eq!(site.connections(), 1);
    site.end().await;
    let all = notes.sorted();
    assert!(all[0].starts_with("cases.mail of nothing: ") && all[1..] == ["other"], "{all:?}");
}
