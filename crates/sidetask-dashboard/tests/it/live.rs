//! Pages that are told.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use sidetask::{Call, Client, MemoryStore};
use sidetask_dashboard::Dashboard;
use sidetask_testing::ManualClock;
use tower::ServiceExt;

const PATIENCE: Duration = Duration::from_secs(20);

struct Site {
    app: axum::Router,
    client: Client,
    clock: ManualClock,
}

fn site() -> Site {
    let clock = ManualClock::default();
    let client = Client::new(Arc::new(MemoryStore::builder().clock(clock.clone()).build()));
    Site { app: Dashboard::new(client.clone()).open().router(), client, clock }
}

impl Site {
    async fn listen(&self) -> axum::http::Response<Body> {
        self.app
            .clone()
            .oneshot(Request::get("/events").header("host", "localhost").body(Body::empty()).unwrap())
            .await
            .unwrap()
    }
}

/// What it is told next; `None` once it ends.
async fn hear(body: &mut Body) -> Option<String> {
    let frame = tokio::time::timeout(PATIENCE, body.frame()).await.expect("something is told")?;
    Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn a_page_is_told_of_changes_but_not_too_often() {
    let site = site();
    let response = site.listen().await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    assert!(hear(&mut body).await.unwrap().contains("retry: 1000"));
    for _ in 0..3 {
        site.client.enqueue(Call::new("mail", ())).await.unwrap();
    }
    assert!(hear(&mut body).await.unwrap().contains("event: changed\ndata: -\n"));
    let early = tokio::time::timeout(Duration::from_millis(50), body.frame()).await;
    assert!(early.is_err(), "it waits, since it was just told");
    site.clock.advance(Duration::from_secs(1));
    assert!(hear(&mut body).await.unwrap().contains("event: changed\ndata: -\n"));
    site.clock.advance(Duration::from_secs(1));
    let silent = tokio::time::timeout(Duration::from_millis(50), body.frame()).await;
    assert!(silent.is_err(), "nothing happened since");
}

#[tokio::test]
async fn listening_ends_by_itself_and_with_the_store() {
    let site = site();
    let mut body = site.listen().await.into_body();
    hear(&mut body).await.unwrap();
    let ended = tokio::spawn(async move { hear(&mut body).await });
    let moves = async {
        while !ended.is_finished() {
            site.clock.advance(Duration::from_secs(5));
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, moves).await.unwrap();
    assert_eq!(ended.await.unwrap(), None);

    let mut body = site.listen().await.into_body();
    hear(&mut body).await.unwrap();
    site.client.close().await.unwrap();
    assert_eq!(hear(&mut body).await, None);
}

#[tokio::test]
async fn so_many_pages_are_told_and_a_place_that_is_left_is_free() {
    let site = site();
    let mut listening = Vec::new();
    loop {
        let response = site.listen().await;
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        listening.push(response);
        assert!(listening.len() < 1000, "there is a limit");
    }
    assert!(listening.len() >= 10);
    listening.pop();
    assert_eq!(site.listen().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_live_asks_for_itself() {
    let site = site();
    let page = site
        .app
        .clone()
        .oneshot(Request::get("/jobs?state=running").header("host", "localhost").body(Body::empty()).unwrap())
        .await
        .unwrap();
    let page = String::from_utf8(page.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(page.contains("hx-get=\"./jobs?state=running\"") && page.contains("data-events=\"./events\""), "{page}");
}
