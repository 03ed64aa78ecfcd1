use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use sidetask::{BlockingPool, Task};
use sidetask_tower::{Background, BackgroundLayer};

use super::site;
use crate::site::{Gate, Notes, soon, text};

/// Elsewhere they are cancelled with the response.
#[tokio::test]
async fn tasks_still_run_when_the_client_disconnects_mid_stream() {
    let (notes, gate) = (Notes::default(), Gate::new());
    let (noted, never) = (notes.clone(), gate.clone());
    let (site, mut client) = site(BackgroundLayer::in_process(), async move || {
        let (mut sender, body) = Channel::<Bytes>::new(1);
        tokio::spawn(async move {
            sender.send_data("begin".into()).await.unwrap();
            never.pass().await;
            drop(sender);
        });
        let task = Task::new(move || {
            let noted = noted.clone();
            async move {
                tokio::task::yield_now().await;
                noted.note("ran to its end");
            }
        });
        (Background::new(task), Body::new(body))
    })
    .await;
    let mut body = client.get("/").await.into_body();
    assert_eq!(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "begin");
    client.vanish();
    notes.until(1).await;
    site.end().await;
    assert_eq!(notes.all(), ["ran to its end"]);
}

#[tokio::test]
async fn a_task_that_runs_goes_on_when_its_client_disconnects() {
    let (notes, gate) = (Notes::default(), Gate::new());
    let (noted, passed) = (notes.clone(), gate.clone());
    let (site, mut client) = site(BackgroundLayer::in_process(), async move || {
        let task = Task::once(async move {
            passed.pass().await;
            noted.note("ran to its end");
        });
        (Background::new(task), "hello")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "hello");
    gate.until_came(1).await;
    client.vanish();
    gate.open(1);
    notes.until(1).await;
    site.end().await;
}

#[tokio::test]
async fn failing_and_panicking_tasks_do_not_close_the_connection() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) = site(notes.layer(), async move |request: Request| {
        let panics = request.uri().path() == "/panics";
        let failing = noted.failing("fails");
        let bomb = Task::new(move || async move { assert!(!panics, "boom") }).named("bomb");
        (Background::new(failing), Background::new(bomb), "hello")
    })
    .await;
    for (path, notes_by_then) in [("/", 2), ("/panics", 5), ("/", 7)] {
        assert_eq!(text(client.get(path).await).await, "hello");
        notes.until(notes_by_then).await;
    }
    assert_eq!(site.connections(), 1);
    site.end().await;
    let all = notes.all();
    assert_eq!(all.len(), 7, "{all:?}");
    assert_eq!(all.iter().filter(|note| note.contains("boom")).count(), 1, "{all:?}");
}

#[tokio::test]
async fn a_second_request_on_the_connection_is_not_held_up_by_a_running_task() {
    let (notes, gate) = (Notes::default(), Gate::new());
    let (noted, passed) = (notes.clone(), gate.clone());
    let (site, mut client) = site(BackgroundLayer::in_process(), async move |request: Request| {
        let path = request.uri().path().to_owned();
        let body = path.clone();
        let task = Task::once(async move {
            if path == "/slow" {
                passed.pass().await;
            }
            noted.note(path);
        });
        (Background::new(task), body)
    })
    .await;
    assert_eq!(text(client.get("/slow").await).await, "/slow");
    gate.until_came(1).await;
    assert_eq!(text(client.get("/quick").await).await, "/quick");
    notes.until(1).await;
    gate.open(1);
    notes.until(2).await;
    assert_eq!(site.connections(), 1);
    site.end().await;
    assert_eq!(notes.all(), ["/quick", "/slow"]);
}

/// Elsewhere handlers and tasks share the threads, and wait for each other.
#[tokio::test]
async fn a_blocked_pool_does_not_hold_up_the_server() {
    let (notes, gate) = (Notes::default(), Gate::new());
    let pool = BlockingPool::builder().threads(1).queue(1).build().unwrap();
    let layer = notes.layer_with(|builder| builder.pool(pool.clone()));
    let (noted, passed) = (notes.clone(), gate.clone());
    let (site, mut client) = site(layer, async move || {
        let task = Task::blocking(move || {
            passed.pass_blocking();
            noted.note("ran");
        });
        // A request has the runtime's own threads to block on.
        let answer = tokio::task::spawn_blocking(|| "hello").await.unwrap();
        (Background::new(task.named("block")), answer)
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "hello");
    gate.until_came(1).await;
    for _ in 0..5 {
        assert_eq!(text(client.get("/").await).await, "hello");
    }
    notes.until(4).await;
    assert!(notes.all().iter().all(|note| note.starts_with("block of nothing: ") && note.contains("full")));
    gate.open(2);
    notes.until(6).await;
    site.end().await;
    assert_eq!(notes.all()[4..], ["ran", "ran"]);
}
