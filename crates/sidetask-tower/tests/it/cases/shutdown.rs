use std::time::Duration;

use sidetask::Task;
use sidetask_tower::Background;

use super::site;
use crate::site::{Gate, Notes, soon, text, until};

#[tokio::test]
async fn shutdown_waits_for_what_runs_and_for_what_waits() {
    let (notes, gate) = (Notes::default(), Gate::new());
    let (noted, passed) = (notes.clone(), gate.clone());
    let layer = notes.layer_with(|builder| builder.concurrency(1));
    let (site, mut client) = site(layer, async move || {
        let task = Task::once(async move {
            passed.pass().await;
            noted.note("ran");
        });
        (Background::new(task), "hello")
    })
    .await;
    for _ in 0..3 {
        assert_eq!(text(client.get("/").await).await, "hello");
    }
    gate.until_came(1).await;
    let layer = site.layer.clone();
    let ending = tokio::spawn(async move { layer.shutdown(Duration::from_secs(20)).await });
    gate.open(3);
    let report = soon(ending).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(notes.all(), ["ran", "ran", "ran"]);
    site.end().await;
}

/// Elsewhere a server waits for its tasks for ever.
#[tokio::test]
async fn shutdown_gives_up_at_its_deadline_and_names_what_did_not_finish() {
    struct OpenWhenDropped(Gate);
    impl Drop for OpenWhenDropped {
        fn drop(&mut self) {
            self.0.open(1);
        }
    }

    let (notes, gate, dropped) = (Notes::default(), Gate::new(), Gate::new());
    let (noted, never, left) = (notes.clone(), gate.clone(), dropped.clone());
    let layer = notes.layer_with(|builder| builder.concurrency(1));
    let (site, mut client) = site(layer, async move |background: Background| {
        let left = OpenWhenDropped(left);
        let endless = Task::once(async move {
            let _left = left;
            never.pass().await;
            noted.note("never");
        });
        background.add_task(endless.named("endless"));
        background.add_task(Task::new(|| async {}).named("behind"));
        "hello"
    })
    .await;
    assert_eq!(text(client.get("/").await).await, "hello");
    gate.until_came(1).await;
    let report = soon(site.layer.shutdown(Duration::from_millis(50))).await;
    let names: Vec<_> = report.unfinished.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["endless", "behind"]);
    soon(dropped.pass()).await;
    gate.open(1);
    site.end().await;
    assert_eq!(notes.all(), [""; 0]);
}

#[tokio::test]
async fn after_a_shutdown_tasks_are_reported_and_requests_still_answered() {
    let notes = Notes::default();
    let noted = notes.clone();
    let handler = async move || (Background::new(noted.task("never").named("late")), "hello");
    let (site, mut client) = site(notes.layer(), handler).await;
    assert!(soon(site.layer.shutdown(Duration::ZERO)).await.is_clean());
    assert_eq!(text(client.get("/").await).await, "hello");
    until("it is reported", || !notes.all().is_empty()).await;
    site.end().await;
    let all = notes.all();
    assert!(all[0].starts_with("late of nothing: ") && all.len() == 1, "{all:?}");
}
