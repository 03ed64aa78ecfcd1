use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use sidetask_tower::{Background, BackgroundLayer};
use tower_http::catch_panic::CatchPanicLayer;

use super::{routes, site};
use crate::site::{Notes, text};

/// Adds a task of each sort, and ends as the path says.
async fn ends(notes: Notes, path: &str, usual: Background, even_then: Background) -> Result<Response, StatusCode> {
    usual.add_task(notes.task(format!("{path} usual")));
    even_then.even_on_error().add_task(notes.task(format!("{path} even on error")));
    match path {
        "/well" => Ok("well".into_response()),
        "/refusing" => Err(StatusCode::BAD_REQUEST),
        "/failing" => Err(StatusCode::INTERNAL_SERVER_ERROR),
        _ => panic!("boom"),
    }
}

#[tokio::test]
async fn tasks_of_a_handler_that_fails_run_only_where_that_is_wanted() {
    let notes = Notes::default();
    let noted = notes.clone();
    let handler = async move |usual: Background, even_then: Background, request: Request| {
        ends(noted, request.uri().path(), usual, even_then).await
    };
    let (site, mut client) = site(BackgroundLayer::in_process(), handler).await;
    for (path, status, notes_by_then) in [("/refusing", 400, 1), ("/failing", 500, 2), ("/well", 200, 4)] {
        let response = client.get(path).await;
        assert_eq!(response.status(), status);
        text(response).await;
        notes.until(notes_by_then).await;
    }
    site.end().await;
    let expected = ["/failing even on error", "/refusing even on error", "/well even on error", "/well usual"];
    assert_eq!(notes.sorted(), expected);
}

/// The connection ends with it.
#[tokio::test]
async fn tasks_of_a_handler_that_panics_run_only_where_that_is_wanted() {
    let notes = Notes::default();
    let noted = notes.clone();
    let handler = async move |usual: Background, even_then: Background| ends(noted, "/panics", usual, even_then).await;
    let (site, mut client) = site(BackgroundLayer::in_process(), handler).await;
    client.request(Method::GET, "/").await.unwrap_err();
    notes.until(1).await;
    site.end().await;
    assert_eq!(notes.all(), ["/panics even on error"]);
}

#[tokio::test]
async fn a_panic_that_is_caught_under_the_layer_is_a_failed_handler() {
    let notes = Notes::default();
    let noted = notes.clone();
    let handler = async move |usual: Background, even_then: Background| ends(noted, "/panics", usual, even_then).await;
    let app = axum::Router::new().fallback(handler).layer(CatchPanicLayer::new());
    let (site, mut client) = routes(BackgroundLayer::in_process(), app).await;
    assert_eq!(client.get("/").await.status(), 500);
    notes.until(1).await;
    site.end().await;
    assert_eq!(notes.all(), ["/panics even on error"]);
}

/// Whoever makes the response of a failure says what is to follow it.
#[tokio::test]
async fn a_task_attached_to_the_response_of_a_failure_runs() {
    let notes = Notes::default();
    let noted = notes.clone();
    let handler = async move || (StatusCode::INTERNAL_SERVER_ERROR, Background::new(noted.task("apology")), "sorry");
    let (site, mut client) = site(BackgroundLayer::in_process(), handler).await;
    assert_eq!(text(client.get("/").await).await, "sorry");
    notes.until(1).await;
    site.end().await;
    assert_eq!(notes.all(), ["apology"]);
}
