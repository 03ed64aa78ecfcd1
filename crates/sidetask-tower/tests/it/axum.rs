//! In axum: as a part of any response, and as an extractor.

use axum::body::Body;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::get;
use axum::{Json, Router};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use sidetask_tower::{Background, BackgroundLayer};
use tower::ServiceExt as _;

use crate::kit::Ran;

async fn send(router: Router) -> Response<Body> {
    router.oneshot(Request::new(Body::empty())).await.unwrap()
}

/// Every kind of response, with a task.
fn responses(ran: &Ran) -> Vec<(&'static str, StatusCode, Response<Body>)> {
    let background = || Background::new(ran.task("after"));
    let stream = || Body::new(http_body_util::Full::from("streamed"));
    vec![
        ("json", StatusCode::OK, (background(), Json("created")).into_response()),
        ("text", StatusCode::CREATED, (StatusCode::CREATED, background(), "text").into_response()),
        ("html", StatusCode::OK, (background(), Html("<p>")).into_response()),
        ("redirect", StatusCode::SEE_OTHER, (background(), Redirect::to("/")).into_response()),
        ("stream", StatusCode::OK, (background(), stream()).into_response()),
        ("nothing", StatusCode::OK, background().into_response()),
        ("error", StatusCode::BAD_REQUEST, (StatusCode::BAD_REQUEST, background(), "no").into_response()),
    ]
}

#[tokio::test]
async fn every_kind_of_response_carries_its_tasks() {
    for at in 0..responses(&Ran::default()).len() {
        let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
        let (what, status, response) = responses(&ran).swap_remove(at);
        let response = std::sync::Mutex::new(Some(response));
        let response = std::sync::Arc::new(response);
        let handler = async move || response.lock().unwrap().take().unwrap();
        let response = send(Router::new().route("/", get(handler)).layer(layer.clone())).await;
        assert_eq!(response.status(), status, "{what}");
        assert!(ran.names().is_empty(), "{what}");
        response.into_body().collect().await.unwrap();
        assert_eq!(ran.by_the_end_of(&layer).await, ["after"], "{what}");
    }
}

#[tokio::test]
async fn a_handler_can_add_tasks_to_a_list_that_it_asks_for() {
    for (status, expected) in [(StatusCode::OK, &["after"][..]), (StatusCode::INTERNAL_SERVER_ERROR, &[])] {
        let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
        let task = ran.clone();
        let handler = async move |background: Background| {
            background.add_task(task.task("after"));
            status
        };
        let response = send(Router::new().route("/", get(handler)).layer(layer.clone())).await;
        assert_eq!(response.status(), status);
        response.into_body().collect().await.unwrap();
        assert_eq!(ran.by_the_end_of(&layer).await, expected, "{status}");
    }
}

#[tokio::test]
async fn without_a_layer_a_handler_that_asks_for_a_list_is_answered_with_500() {
    let handler = async |_: Background| "never";
    let response = send(Router::new().route("/", get(handler))).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "no BackgroundLayer around this handler");
}
