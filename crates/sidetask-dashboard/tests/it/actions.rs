//! What people do.

use std::time::Duration;

use axum::http::StatusCode;
use sidetask::{Call, State};

use crate::kit::{Kit, encoded, over_stores};

over_stores! {
    a_job_is_retried_cancelled_and_deleted,
    a_scheduled_job_is_run_now,
    a_running_job_is_not_deleted,
    a_queue_is_paused_and_goes_on,
    all_jobs_of_a_filter_are_changed_after_a_question,
    only_the_jobs_that_are_asked_about_are_changed,
    jobs_that_lie_deep_are_offered_to_be_changed,
    what_is_not_done_is_refused,
}

async fn a_job_is_retried_cancelled_and_deleted(kit: Kit) {
    let id = kit.discarded("report", "{}", "boom").await;
    let page = kit.get(&format!("/jobs/{id}")).await.page();
    assert!(page.contains(&format!("action=\"./../jobs/{id}/retry\"")), "{page}");
    assert!(!page.contains("/cancel\"") && !page.contains("/run-now\""), "neither would do anything: {page}");

    let answer = kit.post(&format!("/jobs/{id}/retry"), &[]).await;
    assert_eq!(answer.led_to(), format!("./../../jobs/{id}?did=retry"));
    assert_eq!(kit.job(id).await.state, State::Available);
    let page = kit.get(&format!("/jobs/{id}?did=retry")).await.page();
    assert!(page.contains("The job is to run again."), "{page}");

    assert!(kit.post(&format!("/jobs/{id}/cancel"), &[]).await.led_to().ends_with("?did=cancel"));
    assert_eq!(kit.job(id).await.state, State::Cancelled);
    assert_eq!(kit.post(&format!("/jobs/{id}/delete"), &[]).await.led_to(), "./../../jobs?did=delete");
    assert!(kit.client.job(id).await.unwrap().is_none());
    kit.post(&format!("/jobs/{id}/retry"), &[]).await.failed(StatusCode::NOT_FOUND);
}

async fn a_scheduled_job_is_run_now(kit: Kit) {
    let id = kit.stored(Call::new("report", ()).delay(Duration::from_secs(3600))).await;
    assert!(kit.post(&format!("/jobs/{id}/run-now"), &[]).await.led_to().ends_with("?did=run-now"));
    assert_eq!(kit.job(id).await.state, State::Available);
}

async fn a_running_job_is_not_deleted(kit: Kit) {
    let id = kit.enqueue("report", "{}").await;
    kit.claim("report").await;
    let page = kit.post(&format!("/jobs/{id}/delete"), &[]).await.failed(StatusCode::CONFLICT);
    assert!(page.contains("cancel it"), "{page}");
    assert_eq!(kit.job(id).await.state, State::Running);
}

async fn a_queue_is_paused_and_goes_on(kit: Kit) {
    let queue = "odd/näme";
    kit.stored(Call::new("report", ()).queue(queue)).await;
    assert_eq!(kit.post("/queues/pause", &[("queue", queue)]).await.led_to(), "./../queues?did=pause");
    assert!(kit.client.stats().await.unwrap().queues[0].paused);
    assert!(kit.get("/queues?did=pause").await.page().contains("The queue is paused"));
    kit.post("/queues/resume", &[("queue", queue)]).await.led_to();
    assert!(!kit.client.stats().await.unwrap().queues[0].paused);
    kit.post("/queues/drop", &[("queue", queue)]).await.failed(StatusCode::NOT_FOUND);
    kit.post("/queues/pause", &[]).await.failed(StatusCode::BAD_REQUEST);
    kit.post("/queues/pause", &[("queue", "")]).await.failed(StatusCode::BAD_REQUEST);
}

async fn all_jobs_of_a_filter_are_changed_after_a_question(kit: Kit) {
    for n in 0..3 {
        kit.discarded("report", &format!("{{\"n\":{n}}}"), "boom").await;
    }
    let other = kit.discarded("mail", "{}", "boom").await;
    let page = kit.get("/dead?filter=kind:report").await.page();
    assert!(page.contains("Retry 3 jobs"), "{page}");

    let sure = kit.get("/bulk?do=retry&from=dead&filter=kind:report&state=discarded").await.page();
    assert!(sure.contains("Retry 3 jobs?") && sure.contains("<code><bdi>kind:report</bdi></code>"), "{sure}");
    assert_eq!(kit.client.stats().await.unwrap().total().count(State::Discarded), 4, "a question changes nothing");

    let form = [("do", "retry"), ("from", "dead"), ("filter", "kind:report"), ("state", "discarded")];
    let answer = kit.post("/bulk", &form).await;
    assert_eq!(answer.led_to(), "./dead?filter=kind%3Areport&did=retry&n=3&of=3");
    assert_eq!(kit.job(other).await.state, State::Discarded);
    assert_eq!(kit.client.stats().await.unwrap().total().count(State::Available), 3);
    assert!(kit.get("/dead?did=retry&n=3&of=3").await.page().contains("3 jobs made to run again."));

    kit.post("/bulk", &[("do", "delete"), ("filter", "kind:report")]).await.led_to();
    assert_eq!(kit.client.stats().await.unwrap().total().total(), 1);
}

async fn only_the_jobs_that_are_asked_about_are_changed(kit: Kit) {
    let dead = kit.discarded("report", "{}", "boom").await;
    let answer = kit.post("/bulk", &[("do", "delete"), ("filter", "state:completed"), ("state", "discarded")]).await;
    assert!(answer.led_to().ends_with("&did=delete&n=0&of=0"), "{answer:?}");
    let wrong = encoded("stat:x");
    kit.get(&format!("/bulk?do=delete&filter={wrong}")).await.failed(StatusCode::BAD_REQUEST);
    kit.post("/bulk", &[("do", "delete"), ("filter", "stat:x")]).await.failed(StatusCode::BAD_REQUEST);
    kit.post("/bulk", &[("do", "delete"), ("state", "stat")]).await.failed(StatusCode::BAD_REQUEST);
    kit.post("/bulk", &[("do", "pause")]).await.failed(StatusCode::BAD_REQUEST);
    kit.post("/bulk", &[]).await.failed(StatusCode::BAD_REQUEST);
    assert_eq!(kit.job(dead).await.state, State::Discarded);
}

async fn jobs_that_lie_deep_are_offered_to_be_changed(kit: Kit) {
    let deep = kit.enqueue("report", r#"{"n":1}"#).await;
    let others = std::iter::repeat_with(|| Call::new("mail", ())).take(1_500);
    kit.client.enqueue_many(others).await.unwrap();
    let asked = format!("filter={}&state=available", encoded("args.n:1"));
    let page = kit.get(&format!("/jobs?{asked}")).await.page();
    assert!(page.contains(&deep.to_string()) && page.contains("Cancel 1+ jobs"), "{page}");
    assert!(page.contains("available <span class=\"count\">1+</span>"), "{page}");
    let sure = kit.get(&format!("/bulk?do=cancel&{asked}")).await.page();
    assert!(sure.contains("Cancel 1 job?"), "{sure}");
}

async fn what_is_not_done_is_refused(kit: Kit) {
    let id = kit.enqueue("report", "{}").await;
    kit.post(&format!("/jobs/{id}/explode"), &[]).await.failed(StatusCode::NOT_FOUND);
    kit.post("/jobs", &[]).await.failed(StatusCode::METHOD_NOT_ALLOWED);
    kit.get(&format!("/jobs/{id}/retry")).await.failed(StatusCode::METHOD_NOT_ALLOWED);
    let large = "x".repeat(4 * 1024 * 1024);
    let page = kit.post("/queues/pause", &[("queue", &large)]).await.failed(StatusCode::PAYLOAD_TOO_LARGE);
    assert!(page.contains("<h1><bdi>Too large"), "{page}");
}
