use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use sidetask::{Filter, Page, Worker};
use tokio::time::timeout;
use tower::ServiceExt;

use super::*;
use crate::mail::Mailer;

const ADA: &str = r#"{"email": "ada@example.com"}"#;

async fn ask(app: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn post(body: &str) -> Request<Body> {
    let request = Request::post("/signup").header("content-type", "application/json");
    request.body(Body::from(body.to_owned())).unwrap()
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

/// The service, its store, and the layer to shut down.
async fn service() -> (Router, Client, BackgroundLayer) {
    let client = sidetask::connect("memory:").await.unwrap();
    let background = BackgroundLayer::new(client.clone());
    (router(client.clone(), background.clone()), client, background)
}

async fn worker(client: &Client) -> Worker {
    client.worker().queue("mail", 1).state(Mailer { takes: Duration::ZERO }).start().await.unwrap()
}

/// How many jobs there are in each state, in the order of a job's life.
async fn states(app: &Router) -> [u64; 7] {
    let (status, stats) = ask(app, get("/stats")).await;
    assert_eq!(status, StatusCode::OK);
    sidetask::State::ALL.map(|state| stats[state.as_str()].as_u64().unwrap())
}

const SCHEDULED: [u64; 7] = [1, 0, 0, 0, 0, 0, 0];
const COMPLETED: [u64; 7] = [0, 0, 0, 0, 1, 0, 0];
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_signup_is_accepted_and_its_job_ends_with_a_receipt() {
    let (app, client, background) = service().await;
    let (status, accepted) = ask(&app, post(ADA)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let id = accepted["job_id"].as_str().unwrap();
    assert!(background.shutdown(LONG).await.is_clean(), "it waits until the job is let go");
    let (_, waiting) = ask(&app, get(&format!("/jobs/{id}"))).await;
    assert_eq!(
        (&waiting["state"], &waiting["attempt"], &waiting["output"]),
        (&json!("available"), &json!(0), &Value::Null)
    );

    let worker = worker(&client).await;
    client.handle::<Value>(id.parse().unwrap()).wait().await.unwrap();
    let (status, done) = ask(&app, get(&format!("/jobs/{id}"))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(done["state"], "completed");
    assert_eq!(done["kind"], "signup.mail.send_welcome");
    assert_eq!(done["progress"], json!({"done": 2, "total": 2, "message": "sent"}));
    assert_eq!(done["output"], json!({"to": "ada@example.com", "attempt": 1}));
    assert_eq!(done["errors"], json!([]));
    assert_eq!(states(&app).await, COMPLETED);
    worker.shutdown(LONG).await;
}

#[tokio::test]
async fn a_job_is_stored_with_the_head_and_starts_after_the_body() {
    let (app, client, _) = service().await;
    let worker = worker(&client).await;
    let response = app.clone().oneshot(post(ADA)).await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(states(&app).await, SCHEDULED, "the body was not read yet");

    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let accepted: Value = serde_json::from_slice(&body).unwrap();
    let id = accepted["job_id"].as_str().unwrap().parse().unwrap();
    let ended = timeout(LONG, async { client.handle::<Value>(id).wait().await.unwrap() }).await.unwrap();
    assert_eq!(ended.state, sidetask::State::Completed);
    worker.shutdown(LONG).await;
}

#[tokio::test]
async fn whoever_leaves_before_the_answer_is_complete_has_signed_up_all_the_same() {
    let (app, client, background) = service().await;
    drop(app.clone().oneshot(post(ADA)).await.unwrap());
    assert!(background.shutdown(LONG).await.is_clean());
    let [job] = client.list(Filter::all(), Page::first(2)).await.unwrap().try_into().unwrap();
    assert_eq!(job.state, sidetask::State::Available);
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_a_503_and_tells_no_job() {
    let (app, client, _) = service().await;
    client.close().await.unwrap();
    let response = app.clone().oneshot(post(ADA)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(to_bytes(response.into_body(), usize::MAX).await.unwrap().is_empty());
    let (status, body) = ask(&app, get("/stats")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
}

#[tokio::test]
async fn bad_requests_say_what_is_wrong() {
    let (app, ..) = service().await;
    let large = format!(r#"{{"email": "{}@x"}}"#, "a".repeat(300));
    let unknown = "/jobs/019a5c2e-7d31-7cc0-8a5e-0242ac120002";
    for (request, expected, says) in [
        (get("/jobs/42"), StatusCode::BAD_REQUEST, "`42` is not a job id"),
        (get("/jobs/%00%ff"), StatusCode::BAD_REQUEST, ""),
        (get(unknown), StatusCode::NOT_FOUND, "there is no job 019a5c2e"),
        (post("{"), StatusCode::BAD_REQUEST, "JSON"),
        (post(r#"{"mail": "ada@example.com"}"#), StatusCode::UNPROCESSABLE_ENTITY, "email"),
        (post(r#"{"email": "ada"}"#), StatusCode::UNPROCESSABLE_ENTITY, "e-mail address"),
        (post(&large), StatusCode::UNPROCESSABLE_ENTITY, "e-mail address"),
    ] {
        let uri = request.uri().clone();
        let (status, body) = ask(&app, request).await;
        assert_eq!(status, expected, "{uri} {body}");
        assert!(says.is_empty() || body["error"].as_str().unwrap().contains(says), "{uri} {body}");
    }
    assert_eq!(states(&app).await, [0; 7]);
}
