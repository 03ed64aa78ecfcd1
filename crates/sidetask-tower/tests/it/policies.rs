//! After which responses tasks run.

use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode};
use sidetask::Task;
use sidetask_tower::{Background, BackgroundLayer};

use crate::kit::{Client, Frames, Ran, call, get, read};

#[tokio::test]
async fn nothing_runs_before_the_body_is_complete() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let response = get(&layer, async |_| {
        let mut response = Response::new(Frames::two());
        Background::new(ran.task("after")).attach(&mut response);
        response
    })
    .await;
    assert_eq!((ran.names(), layer.stats().running), (vec![], 0));
    read(response, Client::ReadsAll).await;
    assert_eq!(layer.stats().running, 1);
    assert_eq!(ran.by_the_end_of(&layer).await, ["after"]);
}

#[tokio::test]
async fn only_lists_that_ask_for_it_depend_on_whether_the_body_was_sent() {
    let cases = [
        (Frames::two as fn() -> Frames, Client::ReadsAll, &["always", "if sent"][..]),
        (Frames::broken, Client::ReadsAll, &["always"]),
        (Frames::two, Client::LeavesAfterOneFrame, &["always"]),
        (Frames::two, Client::LeavesBeforeTheBody, &["always"]),
    ];
    for (body, client, expected) in cases {
        let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
        let response = get(&layer, async |_| {
            let mut response = Response::new(body());
            Background::new(ran.task("always")).attach(&mut response);
            Background::new(ran.task("if sent")).only_if_sent().attach(&mut response);
            response
        })
        .await;
        read(response, client).await;
        assert_eq!(ran.by_the_end_of(&layer).await, expected, "{client:?}");
    }
}

#[tokio::test]
async fn what_was_attached_to_a_response_runs_whatever_its_status_is() {
    for status in [StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::FOUND, StatusCode::NOT_FOUND] {
        let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
        let response = get(&layer, async |_| {
            let mut response = Response::new(Frames::two());
            *response.status_mut() = status;
            Background::new(ran.task("after")).attach(&mut response);
            response
        })
        .await;
        assert_eq!(response.status(), status);
        read(response, Client::ReadsAll).await;
        assert_eq!(ran.by_the_end_of(&layer).await, ["after"], "{status}");
    }
}

#[tokio::test]
async fn a_body_that_its_status_forbids_counts_as_sent() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let response = get(&layer, async |_| {
        let mut response = Response::new(Frames::two());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Background::new(ran.task("after")).only_if_sent().attach(&mut response);
        response
    })
    .await;
    read(response, Client::LeavesBeforeTheBody).await;
    assert_eq!(ran.by_the_end_of(&layer).await, ["after"]);
}

#[tokio::test]
async fn a_body_of_declared_length_is_sent_with_its_last_byte() {
    let declared_by_header = || {
        let mut response = Response::new(Frames::two());
        response.headers_mut().insert(http::header::CONTENT_LENGTH, 6.into());
        response
    };
    // Servers declare the exact length of a body where no header does.
    let declared_by_body = || Response::new(Frames::two().sized(6));
    let cases = [
        (declared_by_header as fn() -> Response<Frames>, 1, &[][..]),
        (declared_by_header, 2, &["after"]),
        (declared_by_body, 1, &[]),
        (declared_by_body, 2, &["after"]),
    ];
    for (respond, frames, expected) in cases {
        let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
        let response = get(&layer, async |_| {
            let mut response = respond();
            Background::new(ran.task("after")).only_if_sent().attach(&mut response);
            response
        })
        .await;
        let mut body = response.into_body();
        for _ in 0..frames {
            http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!(ran.by_the_end_of(&layer).await, expected, "{frames} of 2 frames");
    }
}

#[tokio::test]
async fn a_head_request_runs_nothing() {
    let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
    let request = Request::builder().method(Method::HEAD).body(()).unwrap();
    let handler = |request: Request<()>| {
        let background = Background::of(&request).unwrap().even_on_error();
        background.add_task(ran.task("extracted"));
        let mut response = Response::new(Frames::two());
        Background::new(ran.task("attached")).attach(&mut response);
        async { Ok::<_, Infallible>(response) }
    };
    read(call(&layer, request, handler).await.unwrap(), Client::ReadsAll).await;
    let request = Request::builder().method(Method::HEAD).body(()).unwrap();
    let fails = |request: Request<()>| {
        Background::of(&request).unwrap().even_on_error().add_task(ran.task("of a handler that fails"));
        async { Err::<Response<Frames>, _>("failed") }
    };
    call(&layer, request, fails).await.unwrap_err();
    assert!(ran.by_the_end_of(&layer).await.is_empty());
}

#[tokio::test]
async fn a_list_whose_values_panic_when_dropped_costs_the_other_lists_nothing() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    for client in [Client::LeavesAfterOneFrame, Client::LeavesBeforeTheBody] {
        let (layer, ran) = (BackgroundLayer::in_process(), Ran::default());
        let response = get(&layer, async |_| {
            let mut response = Response::new(Frames::two());
            let bomb = Bomb;
            let bombs = Background::new(Task::once(async move { drop(bomb) })).only_if_sent();
            bombs.attach(&mut response);
            Background::new(ran.task("other")).attach(&mut response);
            response
        })
        .await;
        read(response, client).await;
        assert_eq!(ran.by_the_end_of(&layer).await, ["other"], "{client:?}");
    }
}
