//! Stores that fail, and functions that panic.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use sidetask::core::{Change, Claim, Claimed, Enqueued, Finish, Heartbeat, Joining, NewJob, Operate, ProgressUpdate};
use sidetask::core::{Promoted, Purge, Rescued, Slots, Store, Verdict};
use sidetask::{
    Client, Clock, Error, Events, Filter, JobId, JobRecord, Listed, MemoryStore, Page, State, Stats, WorkerId,
};
use sidetask_dashboard::Dashboard;

use crate::kit::{self, ask, post};

#[tokio::test]
async fn a_store_that_fails_is_said_to_and_may_be_asked_again() {
    let app = Dashboard::new(Client::new(Arc::new(Broken(MemoryStore::new())))).open().router();
    let id = "019a5c2e-7d31-7cc0-8a5e-0242ac120002";
    for path in [
        "/",
        "/jobs",
        "/dead",
        "/queues",
        &format!("/jobs/{id}"),
        "/bulk?do=retry",
        "/bulk?do=retry&filter=kind:report",
    ] {
        let answer = ask(&app, Request::get(path).body(Body::empty()).unwrap()).await;
        let page = answer.failed(StatusCode::SERVICE_UNAVAILABLE);
        assert!(page.contains("the disk is &lt;gone&gt;") && page.contains("try it again"), "{path}: {page}");
    }
    for path in [format!("/jobs/{id}/retry"), "/queues/pause".to_owned(), "/bulk".to_owned()] {
        let form = [("queue", "default"), ("do", "retry"), ("state", "discarded")];
        ask(&app, post(&path, &form)).await.failed(StatusCode::SERVICE_UNAVAILABLE);
    }
    ask(&app, post("/bulk", &[("do", "retry"), ("filter", "kind:report")]))
        .await
        .failed(StatusCode::SERVICE_UNAVAILABLE);
    for path in ["/api/jobs", "/api/stats", "/api/queues", &format!("/api/jobs/{id}")] {
        let answer = ask(&app, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.failed(StatusCode::SERVICE_UNAVAILABLE), r#"{"error":"the disk is <gone>"}"#);
    }
}

#[tokio::test]
async fn a_closed_store_is_said_to_be() {
    let kit = kit::memory().await;
    kit.client.close().await.unwrap();
    let page = kit.get("/jobs").await.failed(StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.contains("closed"), "{page}");
}

#[tokio::test]
async fn a_panic_is_a_page_and_the_next_one_is_answered() {
    let kit = kit::memory().await.with(|dashboard| {
        dashboard.open().redact(|job| if job.kind == "odd" { panic!("cannot redact it") } else { job.args.clone() })
    });
    let (odd, even) = (kit.enqueue("odd", "{}").await, kit.enqueue("even", "{}").await);
    for path in [format!("/jobs/{odd}"), "/jobs".to_owned()] {
        let answer = kit.get(&path).await;
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        let page = answer.failed(StatusCode::INTERNAL_SERVER_ERROR);
        assert!(page.contains("<h1>") && !page.contains("cannot redact it"), "{page}");
    }
    kit.get(&format!("/api/jobs/{odd}")).await.failed(StatusCode::INTERNAL_SERVER_ERROR);
    kit.get(&format!("/jobs/{even}")).await.page();
}

/// A store that keeps its jobs to itself.
#[derive(Debug)]
struct Broken(MemoryStore);

fn broken<T>() -> Result<T, Error> {
    Err(Error::storage("the disk is <gone>", "cable"))
}

#[async_trait::async_trait]
impl Store for Broken {
    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock()
    }
    async fn enqueue(&self, _: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        broken()
    }
    async fn join(&self, _: Joining) -> Result<(), Error> {
        broken()
    }
    async fn leave(&self, _: WorkerId) -> Result<(), Error> {
        broken()
    }
    fn lend(&self, _: Slots) {}
    async fn claim(&self, _: Claim) -> Result<Vec<Claimed>, Error> {
        broken()
    }
    async fn heartbeat(&self, _: WorkerId) -> Result<Heartbeat, Error> {
        broken()
    }
    async fn progress(&self, _: Vec<ProgressUpdate>) -> Result<Vec<Verdict>, Error> {
        broken()
    }
    async fn finish(&self, _: Vec<Finish>) -> Result<Vec<Verdict>, Error> {
        broken()
    }
    async fn promote(&self, _: usize) -> Result<Promoted, Error> {
        broken()
    }
    async fn rescue(&self, _: usize) -> Result<Vec<Rescued>, Error> {
        broken()
    }
    async fn change(&self, _: Vec<JobId>, _: Change) -> Result<Vec<Option<State>>, Error> {
        broken()
    }
    async fn jobs(&self, _: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        broken()
    }
    async fn list(&self, _: Filter, _: Page) -> Result<Listed, Error> {
        broken()
    }
    async fn stats(&self) -> Result<Stats, Error> {
        broken()
    }
    async fn pause(&self, _: &str, _: bool) -> Result<(), Error> {
        broken()
    }
    async fn purge(&self, _: Purge) -> Result<usize, Error> {
        broken()
    }
    fn listen(&self) -> Events {
        self.0.listen()
    }
    fn operate(&self) -> &dyn Operate {
        self.0.operate()
    }
    async fn close(&self) -> Result<(), Error> {
        broken()
    }
}
