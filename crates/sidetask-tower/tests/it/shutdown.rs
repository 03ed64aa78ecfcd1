//! What is waited for at the end.

use std::time::Duration;

use http::{Request, Response};
use sidetask::Task;
use sidetask_tower::{Background, BackgroundLayer};

use crate::kit::{Client, Frames, LONG, Ran, call, get, read};

#[tokio::test]
async fn a_shutdown_waits_for_tasks_and_names_those_that_do_not_end() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let request = Request::builder().header("x-request-id", "r-7").body(()).unwrap();
    let handler = |_| {
        let mut response = Response::new(Frames::two());
        let background = Background::new(ran.task("quick"));
        background.add_task(Task::once(std::future::pending::<()>()).named("stuck"));
        background.attach(&mut response);
        async { Ok::<_, &str>(response) }
    };
    read(call(&layer, request, handler).await.unwrap(), Client::ReadsAll).await;
    let report = layer.shutdown(Duration::from_millis(20)).await;
    let unfinished: Vec<_> =
        report.unfinished.iter().map(|task| (&*task.name, task.origin.as_deref(), task.is_begun)).collect();
    assert_eq!(unfinished, [("stuck", Some("r-7"), true)]);
    assert_eq!((report.finished, ran.names()), (1, vec!["quick"]));
}

#[tokio::test]
async fn after_a_shutdown_tasks_are_dropped_and_told_of() {
    let (told, mut failures) = tokio::sync::mpsc::unbounded_channel();
    let layer = BackgroundLayer::builder().on_error(move |failure| told.send(failure.error.is_closed()).unwrap());
    let (layer, ran) = (layer.build().unwrap(), Ran::default());
    layer.shutdown(LONG).await;
    let response = get(&layer, async |_| {
        let mut response = Response::new(Frames::two());
        Background::new(ran.task("late")).attach(&mut response);
        response
    })
    .await;
    read(response, Client::ReadsAll).await;
    assert!(failures.recv().await.unwrap());
    assert!(ran.names().is_empty());
}

#[tokio::test]
async fn after_a_shutdown_durable_calls_are_answered_with_503_and_told_of() {
    let (told, mut failures) = tokio::sync::mpsc::unbounded_channel();
    let (jobs, store, _) = crate::recording::client();
    let layer = BackgroundLayer::builder().client(jobs).on_error(move |failure| {
        told.send((failure.name.to_owned(), failure.error.is_closed())).unwrap();
    });
    let layer = layer.build().unwrap();
    layer.shutdown(LONG).await;
    let response = get(&layer, async |_| {
        let mut response = Response::new(Frames::two());
        Background::durable(sidetask::Call::new("mail", ())).attach(&mut response);
        response
    })
    .await;
    assert_eq!(response.status(), http::StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(failures.recv().await.unwrap(), ("mail".to_owned(), true));
    assert!(store.batches().is_empty());
}

#[tokio::test]
async fn jobs_of_responses_that_end_while_tasks_are_drained_are_let_go() {
    let (jobs, _, _) = crate::recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let (go, held) = tokio::sync::oneshot::channel();
    let background = Background::durable(sidetask::Call::new("mail", ()));
    let id = background.job_id().unwrap();
    let [first, second] = [Background::new(Task::once(async move { held.await.unwrap() })), background];
    let respond = async |background: Background| {
        get(&layer, async |_| {
            let mut response = Response::new(Frames::two());
            background.attach(&mut response);
            response
        })
        .await
    };
    read(respond(first).await, Client::ReadsAll).await;
    let response = respond(second).await;
    let mut shutdown = Box::pin(layer.shutdown(LONG));
    assert!(tokio::time::timeout(Duration::from_millis(1), &mut shutdown).await.is_err());
    read(response, Client::ReadsAll).await;
    go.send(()).unwrap();
    assert!(shutdown.await.is_clean());
    assert_eq!(jobs.job(id).await.unwrap().unwrap().state, sidetask::State::Available);
}

#[test]
fn a_body_dropped_outside_of_the_runtime_starts_its_tasks_on_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let response = runtime.block_on(get(&layer, async |_| {
        let mut response = Response::new(Frames::two());
        Background::new(ran.task("after")).attach(&mut response);
        response
    }));
    std::thread::spawn(move || drop(response)).join().unwrap();
    assert_eq!(runtime.block_on(ran.by_the_end_of(&layer)), ["after"]);
}
