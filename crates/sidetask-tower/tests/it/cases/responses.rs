use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::channel::Channel;
use sidetask::Task;
use sidetask_tower::{Background, BackgroundLayer};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::{routes, site};
use crate::site::{Notes, text};

/// The stream fills what the task reads.
#[tokio::test]
async fn the_task_of_a_stream_sees_its_end() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) = site(BackgroundLayer::in_process(), async move || {
        let filled = Arc::new(Mutex::new(Vec::new()));
        let (mut sender, body) = Channel::<Bytes>::new(1);
        let fills = Arc::clone(&filled);
        tokio::spawn(async move {
            for n in 6..=9 {
                let text = if n < 9 { format!("{n}, ") } else { n.to_string() };
                fills.lock().unwrap().push(text.clone());
                sender.send_data(text.into()).await.unwrap();
            }
        });
        let task = Task::new(move || {
            noted.note(filled.lock().unwrap().concat());
            async {}
        });
        (Background::new(task), Body::new(body))
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "6, 7, 8, 9");
    notes.until(1).await;
    site.end().await;
    assert_eq!(notes.all(), ["6, 7, 8, 9"]);
}

#[tokio::test]
async fn head_of_a_file_does_not_run_its_task_and_get_does_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("example.txt");
    std::fs::write(&path, "<file content>".repeat(1000)).unwrap();
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) = site(BackgroundLayer::in_process(), async move |request: Request| {
        let task = noted.task(request.method().clone());
        (Background::new(task), ServeFile::new(path).oneshot(request).await)
    })
    .await;
    let head = client.head("/").await;
    assert_eq!(head.headers()["content-length"], "14000");
    assert_eq!(text(head).await, "");
    let got = client.get("/").await;
    assert_eq!(got.headers()["content-length"], "14000");
    assert_eq!(text(got).await, "<file content>".repeat(1000));
    notes.until(1).await;
    site.end().await;
    assert_eq!(notes.all(), ["GET"]);
}

#[tokio::test]
async fn a_204_stands_though_its_task_fails_and_that_is_reported() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) =
        site(notes.layer(), async move || (Background::new(noted.failing("task")), StatusCode::NO_CONTENT)).await;
    let response = client.get("/").await;
    assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::NO_CONTENT, ""));
    notes.until(2).await;
    site.end().await;
    let all = notes.all();
    assert_eq!(all[0], "task");
    assert!(all[1].starts_with("task of nothing: ") && all.len() == 2, "{all:?}");
}

#[tokio::test]
async fn redirects_files_streams_templates_and_json_keep_their_tasks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("example.txt");
    std::fs::write(&path, "of a file").unwrap();
    let notes = Notes::default();
    let app = Router::new()
        .route("/redirect", get(async |notes| with("redirect", notes, Redirect::to("/elsewhere"))))
        .route(
            "/file",
            get(async |notes, request: Request| with("file", notes, ServeFile::new(path).oneshot(request).await)),
        )
        .route(
            "/stream",
            get(async |notes| {
                let (mut sender, body) = Channel::<Bytes>::new(1);
                tokio::spawn(async move { sender.send_data("of a stream".into()).await });
                with("stream", notes, Body::new(body))
            }),
        )
        .route("/template", get(async |notes| with("template", notes, Html("<p>of a template</p>"))))
        .route("/json", get(async |notes| with("json", notes, Json([1, 2]))))
        .route("/refusal", get(async |notes| with("refusal", notes, Err::<(), _>(StatusCode::CONFLICT))))
        .with_state(notes.clone());
    let (site, mut client) = routes(BackgroundLayer::in_process(), app).await;
    let expected = [
        ("redirect", 303, ""),
        ("file", 200, "of a file"),
        ("stream", 200, "of a stream"),
        ("template", 200, "<p>of a template</p>"),
        ("json", 200, "[1,2]"),
        ("refusal", 409, ""),
    ];
    for (at, (name, status, body)) in expected.into_iter().enumerate() {
        let response = client.get(&format!("/{name}")).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(text(response).await, body, "{name}");
        notes.until(at + 1).await;
    }
    site.end().await;
    assert_eq!(notes.all(), expected.map(|(name, ..)| name));
}

fn with(name: &'static str, State(notes): State<Notes>, response: impl IntoResponse) -> impl IntoResponse {
    (Background::new(notes.task(name)), response)
}

/// Half of them by the response, half of them by the request.
#[tokio::test]
async fn ten_stacked_middlewares_each_attach_a_task() {
    let notes = Notes::default();
    let mut app = Router::new().fallback(async || "hello");
    for n in 0..10 {
        let notes = notes.clone();
        app = app.layer(from_fn(move |request: Request, next: Next| {
            let (background, task) = (Background::of(&request).unwrap(), notes.task(n));
            async move {
                if n % 2 == 0 {
                    background.add_task(task);
                    return next.run(request).await;
                }
                (Background::new(task), next.run(request).await).into_response()
            }
        }));
    }
    let (site, mut client) = routes(BackgroundLayer::in_process(), app).await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(10).await;
    site.end().await;
    assert_eq!(notes.sorted(), (0..10).map(|n: u32| n.to_string()).collect::<Vec<_>>());
}
