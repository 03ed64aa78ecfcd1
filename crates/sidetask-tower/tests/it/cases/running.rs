use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use sidetask::{Task, TaskError, Tasks, task};
use sidetask_tower::{Background, BackgroundLayer};
use tokio::sync::Barrier;

use super::site;
use crate::site::{Notes, text, until};

#[tokio::test]
async fn an_async_task_ran_and_the_body_is_right() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) = site(BackgroundLayer::in_process(), async move || {
        let task = Task::new(move || {
            let noted = noted.clone();
            async move {
                tokio::task::yield_now().await;
                noted.note("sent");
            }
        });
        (Background::new(task), "task initiated")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "task initiated");
    notes.until(1).await;
    site.end().await;
    assert_eq!(notes.all(), ["sent"]);
}

#[tokio::test]
async fn a_sync_task_ran_off_the_event_loop() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) = site(BackgroundLayer::in_process(), async move || {
        let serving = std::thread::current().id();
        let task = Task::blocking(move || noted.note(std::thread::current().id() != serving));
        (Background::new(task), "task initiated")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "task initiated");
    notes.until(1).await;
    site.end().await;
    assert_eq!(notes.all(), ["true"]);
}

#[tokio::test]
async fn three_tasks_of_a_list_run_in_order_and_add_up() {
    let (sum, notes) = (Arc::new(AtomicUsize::new(0)), Notes::default());
    let (added, noted) = (Arc::clone(&sum), notes.clone());
    let (site, mut client) = site(BackgroundLayer::in_process(), async move || {
        let mut tasks = Tasks::new();
        for n in 1..=3 {
            let (added, noted) = (Arc::clone(&added), noted.clone());
            tasks.add_task(Task::new(move || {
                noted.note(n);
                added.fetch_add(n, Ordering::SeqCst);
                tokio::task::yield_now()
            }));
        }
        (Background::new(tasks), "tasks initiated")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "tasks initiated");
    notes.until(3).await;
    site.end().await;
    assert_eq!((sum.load(Ordering::SeqCst), notes.all()), (6, vec!["1".into(), "2".into(), "3".into()]));
}

#[tokio::test]
async fn three_tasks_added_one_by_one_all_run() {
    let notes = Notes::default();
    let noted = notes.clone();
    let (site, mut client) = site(BackgroundLayer::in_process(), async move |background: Background| {
        for n in 1..=3 {
            background.add_task(noted.task(n));
        }
        "tasks initiated"
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "tasks initiated");
    notes.until(3).await;
    site.end().await;
    assert_eq!(notes.sorted(), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_failing_task_of_a_list_keeps_the_next_from_running() {
    let (counter, notes) = (Arc::new(AtomicUsize::new(0)), Notes::default());
    let counted = Arc::clone(&counter);
    let (site, mut client) = site(notes.layer(), async move || {
        let mut tasks = Tasks::new();
        for _ in 0..2 {
            let counted = Arc::clone(&counted);
            let task = Task::new(move || {
                counted.fetch_add(1, Ordering::SeqCst);
                async { Err::<(), _>(TaskError::new("task failed")) }
            });
            tasks.add_task(task.named("increment"));
        }
        (Background::new(tasks), "task initiated")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "task initiated");
    notes.until(1).await;
    site.end().await;
    assert_eq!(counter.load(Ordering::SeqCst), 1);
    assert_eq!(notes.all().len(), 1, "{:?}", notes.all());
}

/// Each waits for all others, so that they pass only at the same time.
#[tokio::test]
async fn a_group_of_eight_runs_all_at_once() {
    let (notes, barrier) = (Notes::default(), Arc::new(Barrier::new(8)));
    let noted = notes.clone();
    let (site, mut client) = site(notes.layer(), async move || {
        let mut tasks = Tasks::group();
        for n in 1..=8 {
            let (noted, barrier) = (noted.clone(), Arc::clone(&barrier));
            tasks.add_task(Task::once(async move {
                barrier.wait().await;
                noted.note(n);
            }));
        }
        (Background::new(tasks), "tasks initiated")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "tasks initiated");
    notes.until(8).await;
    site.end().await;
    assert_eq!(notes.sorted(), ["1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[derive(Debug, Deserialize, Serialize)]
struct Letter {
    to: String,
    copies: u32,
}

#[task(name = "cases.write")]
async fn write(#[state] notes: Notes, greeting: String, letter: Letter) {
    notes.note(format_args!("{greeting}, {}: {} copies", letter.to, letter.copies));
}

/// By position, by the names of a struct's fields, and as what a closure holds.
#[tokio::test]
async fn arguments_reach_the_tasks() {
    let notes = Notes::default();
    let noted = notes.clone();
    let layer = notes.layer_with(|builder| builder.state(notes.clone()));
    let (site, mut client) = site(layer, async move || {
        let letter = Letter { to: "ada".into(), copies: 2 };
        let written = write::call("dear".into(), letter);
        let (a, b) = ("closure".to_owned(), 3);
        let held = Task::new(move || {
            noted.note(format_args!("{a}, {b}"));
            async {}
        });
        (Background::new(written), Background::new(held), "tasks initiated")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "tasks initiated");
    notes.until(2).await;
    site.end().await;
    assert_eq!(notes.sorted(), ["closure, 3", "dear, ada: 2 copies"]);
}

#[tokio::test]
async fn a_group_of_eight_takes_arguments_by_position_and_by_name() {
    let notes = Notes::default();
    let layer = notes.layer_with(|builder| builder.state(notes.clone()));
    let (site, mut client) = site(layer, async || {
        let mut tasks = Tasks::group();
        for copies in 1..=8 {
            tasks.add_task(write::call("dear".into(), Letter { copies, to: "ada".into() }));
        }
        (Background::new(tasks), "tasks initiated")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "tasks initiated");
    notes.until(8).await;
    site.end().await;
    assert_eq!(notes.sorted(), [1, 2, 3, 4, 5, 6, 7, 8].map(|copies| format!("dear, ada: {copies} copies")));
}

/// Elsewhere each waits for the one before.
#[tokio::test]
async fn tasks_that_are_attached_apart_run_at_the_same_time() {
    let (notes, barrier) = (Notes::default(), Arc::new(Barrier::new(4)));
    let noted = notes.clone();
    let (site, mut client) = site(notes.layer(), async move |background: Background| {
        let meet = |name| {
            let (noted, barrier) = (noted.clone(), Arc::clone(&barrier));
            Task::once(async move {
                barrier.wait().await;
                noted.note(name);
            })
        };
        background.add_task(meet("a"));
        background.add_task(meet("b"));
        (Background::new(meet("c")), Background::new(meet("d")), "tasks initiated")
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "tasks initiated");
    notes.until(4).await;
    site.end().await;
    assert_eq!(notes.sorted(), ["a", "b", "c", "d"]);
}

/// What elsewhere is not to run before it is awaited, here is not to run before the response is complete.
#[tokio::test]
async fn nothing_runs_until_the_response_is_complete() {
    use http_body_util::BodyExt;
    use tower::{Layer, ServiceExt, service_fn};

    let notes = Notes::default();
    let noted = notes.clone();
    let layer = notes.layer();
    let service = layer.layer(service_fn(move |_: http::Request<()>| {
        let mut response = http::Response::new(http_body_util::Full::new(&b"hello"[..]));
        Background::new(noted.task("ran")).attach(&mut response);
        async { Ok::<_, std::convert::Infallible>(response) }
    }));
    let response = service.oneshot(http::Request::new(())).await.unwrap();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let stats = layer.stats();
    assert_eq!((stats.running, stats.queued, stats.completed), (0, 0, 0));
    response.into_body().collect().await.unwrap();
    until("it ran", || notes.all() == ["ran"]).await;
}
