use sidetask::Task;

use crate::wait::{Counter, OnDrop, block_on_bare, eventually};

#[tokio::test]
async fn a_spawned_task_runs_at_once_and_gives_its_result() {
    let mut running = Task::new(|| async { 5 }).spawn();
    eventually(|| running.is_finished()).await;
    assert_eq!((&mut running).await.unwrap(), 5);
    assert!(running.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_spawned_task_can_be_aborted() {
    let dropped = Counter::default();
    let guard = OnDrop(dropped.clone());
    let running = Task::once(async move {
        std::future::pending::<()>().await;
        drop(guard);
    })
    .named("endless")
    .spawn();
    tokio::task::yield_now().await;
    running.abort();
    let error = running.await.unwrap_err();
    assert!(error.is_cancelled() && error.to_string().contains("`endless`"), "{error}");
    assert_eq!(dropped.count(), 1);
}

#[test]
fn spawning_outside_of_a_runtime_is_an_error() {
    let running = Task::new(|| async {}).spawn();
    assert!(running.is_finished());
    assert!(block_on_bare(running).unwrap_err().is_configuration());
}
