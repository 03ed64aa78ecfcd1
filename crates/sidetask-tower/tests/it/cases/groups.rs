use axum::http;
use sidetask::{OnError, Task, Tasks};
use sidetask_tower::{Background, BackgroundLayer};

use super::site;
use crate::site::{Gate, Notes, text};

/// Notes that it was dropped.
struct NoteWhenDropped(Notes);

impl Drop for NoteWhenDropped {
    fn drop(&mut self) {
        self.0.note("dropped");
    }
}

#[tokio::test]
async fn a_failing_member_cancels_its_group_and_is_reported() {
    let (notes, gate) = (Notes::default(), Gate::new());
    let (noted, never) = (notes.clone(), gate.clone());
    let (site, mut client) = site(notes.layer(), async move || {
        let (waits, left) = (never.clone(), NoteWhenDropped(noted.clone()));
        let mut tasks = Tasks::group();
        tasks.add_task(Task::once(async move {
            let _left = left;
            waits.pass().await;
        }));
        tasks.add_task(
            Task::once(async move {
                never.until_came(1).await;
                Err::<(), _>(sidetask::TaskError::new("no address"))
            })
            .named("send"),
        );
        (Background::new(tasks), "hello")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(2).await;
    site.end().await;
    let all = notes.all();
    assert_eq!(all[0], "dropped");
    assert!(all[1].starts_with("send of nothing: ") && all.len() == 2, "{all:?}");
}

#[tokio::test]
async fn a_group_that_goes_on_reports_every_failure() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) = site(notes.layer(), async move || {
        let mut tasks = Tasks::group().on_error(OnError::Continue);
        tasks.add_task(noted.failing("a"));
        tasks.add_task(noted.task("b"));
        tasks.add_task(noted.failing("c"));
        (Background::new(tasks), "hello")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(5).await;
    site.end().await;
    let starts: Vec<_> = notes.sorted().iter().map(|note| note.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(starts, ["a", "a of nothing", "b", "c", "c of nothing"]);
}

#[tokio::test]
async fn lists_within_lists_run() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) = site(notes.layer(), async move || {
        let mut within = Tasks::group();
        within.add_task(noted.task("2"));
        within.add_task(noted.task("3"));
        let mut tasks = Tasks::new();
        tasks.add_task(noted.task("1"));
        tasks.add_task(within);
        let (handle, late) = (tasks.handle(), noted.clone());
        tasks.add_task(Task::once(async move { handle.add_task(late.task("4")).map(drop) }));
        (Background::new(tasks), "hello")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "hello");
    notes.until(4).await;
    site.end().await;
    assert_eq!(notes.sorted(), ["1", "2", "3", "4"]);
}

/// A task is a thing that happens once, however many hold it.
#[tokio::test]
async fn a_list_that_is_attached_again_runs_once() {
    let notes = Notes::default();
    let background = Background::new(notes.task("ran"));
    let again = background.clone();
    let (site, mut client) =
        site(BackgroundLayer::in_process(), async move || (again.clone(), again.clone(), "hello")).await;
    for _ in 0..3 {
        assert_eq!(text(client.get("/").await).await, "hello");
    }
    notes.until(1).await;
    site.end().await;
    assert_eq!(notes.all(), ["ran"]);
    drop(background);
}

/// The outer one has nothing left to do.
#[tokio::test]
async fn two_layers_run_a_task_once() {
    let notes = Notes::default();
    let noted = notes.clone();
    let app = axum::Router::new()
        .fallback(async move |background: Background| {
            background.add_task(noted.task("extracted"));
            (Background::new(noted.task("attached")), "hello")
        })
        .layer(BackgroundLayer::in_process());
    let (site, mut client) = super::routes(BackgroundLayer::in_process(), app).await;
    let response = client.get("/").await;
    assert_eq!(response.status(), http::StatusCode::OK);
    assert_eq!(text(response).await, "hello");
    notes.until(2).await;
    site.end().await;
    assert_eq!(notes.sorted(), ["attached", "extracted"]);
}
