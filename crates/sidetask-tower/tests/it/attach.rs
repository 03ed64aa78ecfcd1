//! How lists come together at one response.

use std::convert::Infallible;

use http::{Request, Response};
use sidetask::{Task, Tasks};
use sidetask_tower::{Background, BackgroundLayer};
use tower::{Layer as _, Service, ServiceExt as _, service_fn, util::BoxCloneService};

use crate::kit::{Client, Frames, Ran, get, read};

type Inner = BoxCloneService<Request<()>, Response<Frames>, Infallible>;

/// Adds a task to each response.
fn attaching(inner: Inner, task: impl Fn() -> Task + Clone + Send + 'static) -> Inner {
    BoxCloneService::new(service_fn(move |request| {
        let (mut inner, task) = (inner.clone(), task.clone());
        async move {
            let mut response = inner.call(request).await?;
            Background::new(task()).attach(&mut response);
            Ok(response)
        }
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_middlewares_attach_a_task_each_and_all_run_once() {
    const NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let mut service: Inner =
        BoxCloneService::new(service_fn(async |_| Ok::<_, Infallible>(Response::new(Frames::two()))));
    for name in NAMES {
        let ran = ran.clone();
        service = attaching(service, move || ran.task(name));
    }
    let service = layer.layer(service);
    let served = tokio::spawn(async move {
        read(service.oneshot(Request::new(())).await.unwrap(), Client::ReadsAll).await;
    });
    served.await.unwrap();
    let mut ran = ran.by_the_end_of(&layer).await;
    ran.sort_unstable();
    assert_eq!(ran, NAMES);
}

#[tokio::test]
async fn lists_of_the_request_and_of_the_response_run() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let response = get(&layer, async |request| {
        let mut response = Response::new(Frames::two());
        Background::new(ran.task("second")).attach(&mut response);
        Background::of(&request).unwrap().add_task(ran.task("first"));
        response
    })
    .await;
    read(response, Client::ReadsAll).await;
    let mut ran = ran.by_the_end_of(&layer).await;
    ran.sort_unstable();
    assert_eq!(ran, ["first", "second"]);
}

#[tokio::test]
async fn a_list_attached_twice_runs_once() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let response = get(&layer, async |request| {
        let mut response = Response::new(Frames::two());
        let background = Background::of(&request).unwrap();
        background.add_task(ran.task("once"));
        background.attach(&mut response);
        background.clone().attach(&mut response);
        response
    })
    .await;
    read(response, Client::ReadsAll).await;
    assert_eq!(ran.by_the_end_of(&layer).await, ["once"]);
}

/// gRPC messages, and requests and responses of some frameworks, are not those of `http`, but have its extensions.
#[tokio::test]
async fn types_of_a_framework_are_reached_by_their_extensions() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let response = get(&layer, async |request| {
        let mut extensions = http::Extensions::new();
        assert!(Background::of_extensions(&extensions).is_none());
        Background::of_extensions(request.extensions()).unwrap().add_task(ran.task("of the request"));
        Background::new(ran.task("of the response")).attach_to(&mut extensions);
        let mut response = Response::new(Frames::two());
        *response.extensions_mut() = extensions;
        response
    })
    .await;
    read(response, Client::ReadsAll).await;
    assert_eq!(ran.by_the_end_of(&layer).await, ["of the request", "of the response"]);
}

#[tokio::test]
async fn of_two_layers_the_inner_one_runs_the_tasks() {
    let (inner, outer, ran) = (BackgroundLayer::in_process(), BackgroundLayer::in_process(), Ran::default());
    let handler = service_fn(async |request: Request<()>| {
        let mut response = Response::new(Frames::two());
        Background::of(&request).unwrap().add_task(ran.task("extracted"));
        Background::new(ran.task("attached")).attach(&mut response);
        Ok::<_, Infallible>(response)
    });
    let service = outer.layer(inner.layer(handler));
    read(service.oneshot(Request::new(())).await.unwrap(), Client::ReadsAll).await;
    assert_eq!(ran.by_the_end_of(&inner).await, ["extracted", "attached"]);
    assert_eq!((inner.stats().completed, outer.stats().completed), (2, 0));
}

#[tokio::test]
async fn lists_and_groups_run_as_they_do_elsewhere() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let response = get(&layer, async |_| {
        let mut tasks = Tasks::new();
        tasks.add_task(ran.task("one"));
        tasks.add_task(Task::new(|| async { Err::<(), _>(std::io::Error::other("two")) }));
        tasks.add_task(ran.task("three"));
        let mut response = Response::new(Frames::two());
        Background::new(tasks).attach(&mut response);
        response
    })
    .await;
    read(response, Client::ReadsAll).await;
    assert_eq!(ran.by_the_end_of(&layer).await, ["one"], "the failure stops the list");
    assert_eq!(layer.stats().failed, 1);
}
