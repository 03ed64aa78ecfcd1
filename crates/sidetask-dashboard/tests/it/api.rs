//! The same for programs.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sidetask::{Call, State};

use crate::kit::{Answer, Kit, encoded, over_stores};

over_stores! {
    jobs_are_listed_by_the_same_filter_a_page_at_a_time,
    a_job_is_answered_whole,
    jobs_are_changed,
    queues_numbers_and_workers_are_told,
    what_goes_wrong_is_told_as_json,
}

#[track_caller]
fn told(answer: Answer) -> Value {
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

async fn jobs_are_listed_by_the_same_filter_a_page_at_a_time(kit: Kit) {
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(kit.enqueue("mail", &format!("{{\"n\":{n}}}")).await.to_string());
        kit.enqueue("report", "{}").await;
    }
    let first = told(kit.get("/api/jobs?filter=kind:mail&limit=3").await);
    let listed = |page: &Value| -> Vec<String> {
        page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&first), [&ids[4], &ids[3], &ids[2]].map(Clone::clone));
    assert_eq!(first["jobs"][0]["args"], json!({"n": 4}));
    let after = first["next"].as_str().unwrap();
    let rest = told(kit.get(&format!("/api/jobs?filter=kind:mail&limit=3&after={after}")).await);
    assert_eq!((listed(&rest), &rest["next"]), ([&ids[1], &ids[0]].map(Clone::clone).to_vec(), &Value::Null));
}

async fn a_job_is_answered_whole(kit: Kit) {
    let id = kit.discarded("mail", "[1]", "boom").await;
    let job = told(kit.get(&format!("/api/jobs/{id}")).await);
    assert_eq!(
        (&job["state"], &job["errors"][0]["message"], &job["args"]),
        (&json!("discarded"), &json!("boom"), &json!([1]))
    );
    assert_eq!(job["logs"], json!([]));
}

async fn jobs_are_changed(kit: Kit) {
    let id = kit.stored(Call::new("mail", ()).delay(Duration::from_secs(3600))).await;
    for (what, state) in
        [("run-now", "available"), ("cancel", "cancelled"), ("retry", "available"), ("delete", "available")]
    {
        let became = told(kit.post(&format!("/api/jobs/{id}/{what}"), &[]).await);
        assert_eq!(became, json!({"id": id.to_string(), "state": state}), "{what}");
    }
    assert!(kit.client.job(id).await.unwrap().is_none());
}

async fn queues_numbers_and_workers_are_told(kit: Kit) {
    kit.enqueue("mail", "{}").await;
    kit.enqueue("mail", "{}").await;
    kit.claim("mail").await;
    kit.client.pause("default").await.unwrap();
    let queues = told(kit.get("/api/queues").await);
    assert_eq!(
        (&queues[0]["queue"], &queues[0]["paused"], &queues[0]["counts"]["running"]),
        (&json!("default"), &json!(true), &json!(1))
    );
    assert!(queues[0]["oldest_due"].is_string(), "{queues}");
    assert_eq!(told(kit.get("/api/stats").await)["counts"]["available"], json!(1));
    assert_eq!(told(kit.get("/api/workers").await)[0]["name"], json!("host:1"));
}

async fn what_goes_wrong_is_told_as_json(kit: Kit) {
    let running = kit.enqueue("mail", "{}").await;
    kit.claim("mail").await;
    let missing = "019a5c2e-7d31-7cc0-8a5e-0242ac120002";
    for (is_post, path, status) in [
        (false, format!("/api/jobs?filter={}", encoded("queue:mail state:don")), StatusCode::BAD_REQUEST),
        (false, "/api/jobs?limit=x".to_owned(), StatusCode::BAD_REQUEST),
        (false, "/api/jobs?after=x".to_owned(), StatusCode::BAD_REQUEST),
        (false, "/api/jobs?filter=queue:nowhere".to_owned(), StatusCode::NOT_FOUND),
        (false, format!("/api/jobs/{missing}"), StatusCode::NOT_FOUND),
        (false, "/api/nothing".to_owned(), StatusCode::NOT_FOUND),
        (true, format!("/api/jobs/{missing}/retry"), StatusCode::NOT_FOUND),
        (true, format!("/api/jobs/{running}/explode"), StatusCode::NOT_FOUND),
        (true, format!("/api/jobs/{running}/delete"), StatusCode::CONFLICT),
        (true, "/api/jobs".to_owned(), StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = if is_post { kit.post(&path, &[]).await } else { kit.get(&path).await };
        assert_eq!(answer.header("content-type"), "application/json", "{path}: {}", answer.text);
        let said: Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(answer.status, status, "{path}: {said}");
        assert!(said["error"].as_str().is_some_and(|error| !error.is_empty()), "{path}: {said}");
        let column = if path.contains("state") || path.contains("%73") { json!(18) } else { Value::Null };
        assert_eq!(said["column"], column, "{path}: {said}");
    }
    assert_eq!(kit.job(running).await.state, State::Running);
}
