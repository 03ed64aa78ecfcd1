//! Tasks added to a list that came with the request: whether they run depends on the handler.

use std::panic::AssertUnwindSafe;

use http::{Request, Response, StatusCode};
use sidetask_tower::{Background, BackgroundLayer};
use tower::{Layer as _, Service as _, service_fn};

use crate::kit::{Client, Frames, Ran, call, get, read};

/// Adds a task to each of two lists, one of which runs in any case.
fn add_both(request: &Request<()>, ran: &Ran) {
    Background::of(request).unwrap().add_task(ran.task("on success"));
    Background::of(request).unwrap().even_on_error().add_task(ran.task("always"));
    Background::of(request).unwrap().even_on_error().only_if_sent().add_task(ran.task("if sent"));
}

#[tokio::test]
async fn a_response_that_says_that_the_handler_failed_drops_them() {
    let cases: [(StatusCode, &[&str]); 4] = [
        (StatusCode::OK, &["on success", "always", "if sent"]),
        (StatusCode::SEE_OTHER, &["on success", "always", "if sent"]),
        (StatusCode::NOT_FOUND, &["always", "if sent"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &["always", "if sent"]),
    ];
    for (status, expected) in cases {
        let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
        let response = get(&layer, async |request| {
            add_both(&request, &ran);
            let mut response = Response::new(Frames::two());
            *response.status_mut() = status;
            response
        })
        .await;
        read(response, Client::ReadsAll).await;
        assert_eq!(ran.by_the_end_of(&layer).await, expected, "{status}");
    }
}

#[tokio::test]
async fn an_error_of_the_service_drops_them_and_passes_through() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let handler = |request: Request<()>| {
        add_both(&request, &ran);
        async { Err::<Response<Frames>, _>("out of order") }
    };
    assert_eq!(call(&layer, Request::new(()), handler).await.unwrap_err(), "out of order");
    assert_eq!(ran.by_the_end_of(&layer).await, ["always"]);
}

#[tokio::test]
async fn a_panic_of_the_handler_drops_them_and_passes_through() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let handled = tokio::spawn({
        let (layer, ran) = (layer.clone(), ran.clone());
        async move {
            let handler = async |request: Request<()>| -> Response<Frames> {
                add_both(&request, &ran);
                panic!("the handler")
            };
            AssertUnwindSafe(get(&layer, handler)).0.await;
        }
    });
    assert!(handled.await.unwrap_err().is_panic());
    assert_eq!(ran.by_the_end_of(&layer).await, ["always"]);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_response_drops_them() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let mut service = layer.layer(service_fn(|request: Request<()>| {
        add_both(&request, &ran);
        std::future::pending::<Result<Response<Frames>, &str>>()
    }));
    drop(service.call(Request::new(())));
    assert_eq!(ran.by_the_end_of(&layer).await, ["always"]);
}

#[tokio::test]
async fn a_task_added_while_the_body_is_sent_runs_and_one_added_later_does_not() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let mut background = None;
    let response = get(&layer, async |request| {
        background = Background::of(&request);
        Response::new(Frames::two())
    })
    .await;
    let background = background.unwrap();
    background.add_task(ran.task("during"));
    read(response, Client::ReadsAll).await;
    background.add_task(ran.task("after"));
    assert_eq!(ran.by_the_end_of(&layer).await, ["during"]);
}

#[tokio::test]
async fn without_a_layer_there_is_no_list() {
    assert!(Background::of(&Request::new(())).is_none());
}
