use axum::extract::Request;
use axum::http;
use axum::middleware::{Next, from_fn};
use bytes::Bytes;
use http_body_util::Empty;
use sidetask::{Task, TaskError};
use sidetask_tower::Background;

use super::{routes, site};
use crate::site::{Notes, text};

#[tokio::test]
async fn one_failure_does_not_stop_tasks_that_are_attached_apart() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) = site(notes.layer(), async move |background: Background| {
        background.add_task(noted.failing("first"));
        background.add_task(noted.task("second"));
        (Background::new(noted.failing("third")), Background::new(noted.task("fourth")), "hello")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(6).await;
    let stats = site.layer.stats();
    assert_eq!((stats.completed, stats.failed, stats.dropped), (2, 2, 0));
    site.end().await;
    let sorted = notes.sorted();
    assert_eq!(sorted.len(), 6, "{sorted:?}");
    for name in ["first", "second", "third", "fourth"] {
        assert!(sorted.iter().any(|note| note == name), "{sorted:?}");
    }
}

#[tokio::test]
async fn failures_are_seen_with_the_tasks_name_and_the_requests_id() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) =
        site(notes.layer(), async move || (Background::new(noted.failing("welcome")), "hello")).await;
    let request = http::Request::builder().uri("/").header("host", "localhost").header("x-request-id", "r-17");
    let response = client.send(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    assert_eq!(text(response).await, "hello");
    notes.until(2).await;
    site.end().await;
    let all = notes.all();
    assert!(all[1].starts_with("welcome of r-17: ") && all.len() == 2, "{all:?}");
}

#[tokio::test]
async fn a_request_id_that_is_set_on_the_response_is_seen_too() {
    let notes = Notes::default();
    let noted = notes.clone();
    let app = axum::Router::new()
        .fallback(async move || (Background::new(noted.failing("welcome")), "hello"))
        .layer(from_fn(async |request: Request, next: Next| ([("x-request-id", "r-18")], next.run(request).await)));
    let (site, mut client) = routes(notes.layer(), app).await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(2).await;
    site.end().await;
    assert!(notes.all()[1].starts_with("welcome of r-18: "), "{:?}", notes.all());
}

#[tokio::test]
async fn a_task_that_is_tried_again_fails_once() {
    let notes = Notes::default();
    let noted = notes.clone();
    let handler = async move || (Background::new(noted.failing("welcome").retry(3)), "hello");
    let (site, mut client) = site(notes.layer(), handler).await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(4).await;
    site.end().await;
    let all = notes.all();
    assert_eq!(all[..3], ["welcome"; 3]);
    assert!(all[3].starts_with("welcome of nothing: ") && all.len() == 4, "{all:?}");
}

#[tokio::test]
async fn a_task_that_cancels_itself_is_reported_as_cancelled() {
    let notes = Notes::default();
    let (site, mut client) = site(notes.layer(), async || {
        let task = Task::new(|| async { Err::<(), _>(TaskError::cancel("the account is gone")) });
        (Background::new(task.named("welcome").retry(3)), "hello")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(1).await;
    site.end().await;
    let all = notes.all();
    assert!(all[0].contains("cancelled") && all.len() == 1, "{all:?}");
}

#[tokio::test]
async fn a_callback_that_panics_stops_nothing() {
    let notes = Notes::default();
    let noted = notes.clone();
    let layer = notes.layer_with(|builder| builder.on_error(|_| panic!("a bad callback")));
    let (site, mut client) = site(layer, async move || {
        (Background::new(noted.failing("first")), Background::new(noted.task("second")), "hello")
    })
    .await;
    for round in 1..=2 {
        assert_eq!(text(client.get("/").await).await, "hello");
        notes.until(round * 2).await;
    }
    assert_eq!(site.connections(), 1);
    site.end().await;
    assert_eq!(notes.sorted(), ["first", "first", "second", "second"]);
}
