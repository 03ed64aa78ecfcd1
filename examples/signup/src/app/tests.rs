use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::mail::Mailer;

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

#[tokio::test]
async fn a_signup_is_accepted_and_its_job_ends_with_a_receipt() {
    let client = sidetask::connect("memory:").await.unwrap();
    let app = router(client.clone());
    let (status, accepted) = ask(&app, post(r#"{"email": "ada@example.com"}"#)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let id = accepted["job_id"].as_str().unwrap();
    let (_, waiting) = ask(&app, get(&format!("/jobs/{id}"))).await;
    assert_eq!(
        (&waiting["state"], &waiting["attempt"], &waiting["output"]),
        (&json!("available"), &json!(0), &Value::Null)
    );

    let worker = client.worker().queue("mail", 1).state(Mailer { takes: Duration::ZERO }).start().await.unwrap();
    client.handle::<Value>(id.parse().unwrap()).wait().await.unwrap();
    let (status, done) = ask(&app, get(&format!("/jobs/{id}"))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(done["state"], "completed");
    assert_eq!(done["kind"], "signup.mail.send_welcome");
    assert_eq!(done["progress"], json!({"done": 2, "total": 2, "message": "sent"}));
    assert_eq!(done["output"], json!({"to": "ada@example.com", "attempt": 1}));
    assert_eq!(done["errors"], json!([]));
    let (_, stats) = ask(&app, get("/stats")).await;
    let states = sidetask::State::ALL.map(|state| stats[state.as_str()].as_u64().unwrap());
    assert_eq!(states, [0, 0, 0, 0, 1, 0, 0]);
    worker.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn bad_requests_say_what_is_wrong() {
    let app = router(sidetask::connect("memory:").await.unwrap());
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
    let (_, stats) = ask(&app, get("/stats")).await;
    assert!(sidetask::State::ALL.iter().all(|state| stats[state.as_str()] == 0), "{stats}");
}
