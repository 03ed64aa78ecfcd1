use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Method;
use sidetask::Task;
use sidetask_tower::{Background, BackgroundLayer, WhenFull};

use super::site;
use crate::site::{Client, Gate, Notes, Protocol, Site, soon, text, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_tasks_run_at_once_than_allowed_and_all_run() {
    let (gate, now, most) = (Gate::new(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let layer = BackgroundLayer::builder().concurrency(2).build().unwrap();
    let (passed, counted, highest) = (gate.clone(), Arc::clone(&now), Arc::clone(&most));
    let (site, mut client) = site(layer, async move || {
        let task = Task::once(async move {
            highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            passed.pass().await;
            counted.fetch_sub(1, Ordering::SeqCst);
        });
        (Background::new(task), "hello")
    })
    .await;
    for _ in 0..6 {
        assert_eq!(text(client.get("/").await).await, "hello");
    }
    until("two run and four wait", || {
        let stats = site.layer.stats();
        (stats.running, stats.queued) == (2, 4)
    })
    .await;
    gate.until_came(2).await;
    gate.open(6);
    gate.until_came(6).await;
    let layer = site.layer.clone();
    site.end().await;
    assert_eq!((most.load(Ordering::SeqCst), layer.stats().completed), (2, 6));
}

/// A server that takes one task at a time, whose first one has begun: it waits at the gate.
async fn full(when_full: WhenFull) -> (Site, Client, Gate, Notes) {
    let (notes, gate) = (Notes::default(), Gate::new());
    let layer = notes.layer_with(|builder| builder.concurrency(1).queue(0).when_full(when_full));
    let (noted, passed) = (notes.clone(), gate.clone());
    let (site, mut client) = site(layer, async move || {
        noted.note("handled");
        let task = Task::once(async move {
            passed.pass().await;
            noted.note("ran");
        });
        (Background::new(task.named("slow")), "hello")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "hello");
    gate.until_came(1).await;
    (site, client, gate, notes)
}

#[tokio::test]
async fn a_full_layer_answers_503_before_the_handler_runs() {
    let (site, mut client, gate, notes) = full(WhenFull::Reject).await;
    let response = client.get("/").await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    text(response).await;
    assert_eq!(notes.all(), ["handled"]);
    gate.open(2);
    notes.until(2).await;
    until("there is room", || site.layer.stats().running == 0).await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(4).await;
    assert_eq!(site.connections(), 1);
    site.end().await;
    assert_eq!(notes.all(), ["handled", "ran", "handled", "ran"]);
}

#[tokio::test]
async fn a_full_layer_holds_requests_until_there_is_room() {
    let (site, mut client, gate, notes) = full(WhenFull::Wait).await;
    let second = tokio::spawn(async move { text(client.get("/").await).await });
    let mut other = site.connect(Protocol::Http1).await;
    let third = tokio::spawn(async move { text(other.request(Method::GET, "/").await.unwrap()).await });
    until("three requests", || site.connections() == 2).await;
    assert_eq!(notes.all(), ["handled"]);
    gate.open(3);
    assert_eq!(soon(second).await.unwrap(), "hello");
    assert_eq!(soon(third).await.unwrap(), "hello");
    notes.until(6).await;
    site.end().await;
    assert_eq!(notes.sorted(), ["handled", "handled", "handled", "ran", "ran", "ran"]);
}

#[tokio::test]
async fn a_full_layer_answers_and_drops_the_tasks_where_that_is_wanted() {
    let (site, mut client, gate, notes) = full(WhenFull::Drop).await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(3).await;
    let all = notes.all();
    assert_eq!(all[..2], ["handled", "handled"]);
    assert!(all[2].starts_with("slow of nothing: ") && all[2].contains("dropped"), "{all:?}");
    assert_eq!(site.layer.stats().dropped, 1);
    gate.open(1);
    notes.until(4).await;
    site.end().await;
    assert_eq!(notes.all()[3..], ["ran"]);
}
