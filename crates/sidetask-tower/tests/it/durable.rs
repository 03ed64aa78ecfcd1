//! Durable calls: stored before the head, run after the body.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use sidetask::core::Change;
use sidetask::{Call, Client as Jobs, Filter, JobId, Page, State};
use sidetask_tower::{Background, BackgroundBody, BackgroundLayer};

use crate::kit::{Client, Frames, LONG, Ran, call, get, read, standing};
use crate::recording;

fn mail(to: &str) -> Call {
    Call::new("mail", to)
}

/// A response with this attached.
async fn respond(layer: &BackgroundLayer, background: Background) -> Response<BackgroundBody<Frames>> {
    get(layer, async |_| {
        let mut response = Response::new(Frames::two());
        background.attach(&mut response);
        response
    })
    .await
}

async fn state(jobs: &Jobs, id: JobId) -> State {
    jobs.job(id).await.unwrap().unwrap().state
}

async fn stored(jobs: &Jobs) -> usize {
    jobs.list(Filter::all(), Page::default()).await.unwrap().len()
}

#[tokio::test]
async fn a_call_is_stored_before_the_head_under_its_id_and_available_after_the_body() {
    let (jobs, _, clock) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let background = Background::durable(mail("ada"));
    let id = background.job_id().unwrap();
    let response = respond(&layer, background).await;
    let now = sidetask::Clock::now(&clock);
    let job = jobs.job(id).await.unwrap().unwrap();
    assert_eq!(standing(&job, now), (State::Scheduled, 15_000));
    read(response, Client::ReadsAll).await;
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!(state(&jobs, id).await, State::Available);
}

#[tokio::test]
async fn a_body_that_fails_or_is_left_lets_jobs_go_save_those_that_run_only_if_it_was_sent() {
    let cases = [
        (Frames::two as fn() -> Frames, Client::ReadsAll, State::Available),
        (Frames::broken, Client::ReadsAll, State::Cancelled),
        (Frames::two, Client::LeavesAfterOneFrame, State::Cancelled),
    ];
    for (body, client, expected) in cases {
        let (jobs, store, _) = recording::client();
        let layer = BackgroundLayer::new(jobs.clone());
        let (always, if_sent) = (Background::durable(mail("ada")), Background::durable(mail("bob")).only_if_sent());
        let ids = (always.job_id().unwrap(), if_sent.job_id().unwrap());
        let response = get(&layer, async |_| {
            let mut response = Response::new(body());
            always.attach(&mut response);
            if_sent.attach(&mut response);
            response
        })
        .await;
        assert_eq!(store.batches(), [2], "all calls of a response are one batch");
        read(response, client).await;
        assert!(layer.shutdown(LONG).await.is_clean());
        assert_eq!((state(&jobs, ids.0).await, state(&jobs, ids.1).await), (State::Available, expected), "{client:?}");
    }
}

#[tokio::test]
async fn several_calls_keep_their_order_and_an_id_given_by_hand() {
    let (jobs, store, _) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let given = jobs.new_job_id();
    let background = Background::durable_many(["ada", "bob"].map(mail));
    assert_eq!(background.add_durable(mail("eve").id(given).returns::<u8>()), given);
    let ids = background.job_ids();
    assert_eq!(ids[2], given);
    read(respond(&layer, background).await, Client::ReadsAll).await;
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!((store.batches(), store.changes()), (vec![3], vec![(3, Change::Reschedule(Duration::ZERO))]));
    for (id, to) in ids.into_iter().zip(["\"ada\"", "\"bob\"", "\"eve\""]) {
        assert_eq!(jobs.job(id).await.unwrap().unwrap().args.as_str(), to);
    }
}

#[tokio::test]
async fn a_head_request_stores_nothing() {
    let (jobs, _, _) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let request = Request::builder().method(Method::HEAD).body(()).unwrap();
    let handler = |_| {
        let mut response = Response::new(Frames::two());
        Background::durable(mail("ada")).attach(&mut response);
        async { Ok::<_, Infallible>(response) }
    };
    read(call(&layer, request, handler).await.unwrap(), Client::ReadsAll).await;
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!(stored(&jobs).await, 0);
}

#[tokio::test]
async fn a_job_that_was_there_before_is_neither_let_go_nor_cancelled() {
    for client in [Client::ReadsAll, Client::LeavesBeforeTheBody] {
        let (jobs, store, clock) = recording::client();
        let layer = BackgroundLayer::new(jobs.clone());
        let later = mail("ada").key("once").delay(Duration::from_secs(60));
        let existing = jobs.enqueue(later).await.unwrap().id();
        let response = respond(&layer, Background::durable(mail("ada").key("once")).only_if_sent()).await;
        read(response, client).await;
        assert!(layer.shutdown(LONG).await.is_clean());
        let job = jobs.job(existing).await.unwrap().unwrap();
        assert_eq!(standing(&job, sidetask::Clock::now(&clock)), (State::Scheduled, 60_000));
        assert_eq!((stored(&jobs).await, store.changes().len()), (1, 0));
    }
}

#[tokio::test]
async fn a_store_that_fails_gives_503_and_fails_the_handlers_other_tasks() {
    for is_closed in [false, true] {
        let (jobs, store, _) = recording::client();
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&told);
        let layer = BackgroundLayer::builder().client(jobs.clone()).on_error(move |failure| {
            let origin = failure.origin.map(str::to_owned);
            seen.lock().unwrap().push((failure.name.to_owned(), origin, failure.error.is_closed()));
        });
        let (layer, ran) = (layer.build().unwrap(), Ran::default());
        store.set_down(!is_closed);
        if is_closed {
            jobs.close().await.unwrap();
        }
        let request = Request::builder().header("x-request-id", "r-3").body(()).unwrap();
        let handler = |request: Request<()>| {
            let mut response = Response::new(Frames::two());
            response.headers_mut().insert(header::ETAG, "original".parse().unwrap());
            let background = Background::durable(mail("ada"));
            background.add_task(ran.task("beside"));
            background.attach(&mut response);
            Background::of(&request).unwrap().even_on_error().add_task(ran.task("always"));
            async { Ok::<_, Infallible>(response) }
        };
        let response = call(&layer, request, handler).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert!(!response.headers().contains_key(header::ETAG) && response.body().is_end_stream());
        assert_eq!(ran.by_the_end_of(&layer).await, ["always"]);
        assert_eq!(*told.lock().unwrap(), [("mail".to_owned(), Some("r-3".to_owned()), is_closed)]);
    }
}

#[tokio::test]
async fn a_store_that_panics_gives_503_and_fails_the_handlers_other_tasks() {
    let (jobs, store, _) = recording::client();
    let (layer, ran) = (BackgroundLayer::new(jobs), Ran::default());
    store.panic_once();
    let background = Background::durable(mail("ada"));
    background.add_task(ran.task("beside"));
    let response = respond(&layer, background).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(ran.by_the_end_of(&layer).await.is_empty());
}

#[tokio::test]
async fn a_call_that_cannot_be_stored_gives_500() {
    let (jobs, store, _) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let response = respond(&layer, Background::durable(mail("ada").max_attempts(0))).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(response.body().is_end_stream() && !response.headers().contains_key(header::RETRY_AFTER));
    assert!(store.batches().is_empty());

    let response = respond(&BackgroundLayer::in_process(), Background::durable(mail("ada"))).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_client_that_leaves_while_jobs_are_stored_does_not_undo_them() {
    let (jobs, _, _) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let background = Background::durable(mail("ada"));
    let id = background.job_id().unwrap();
    let mut response = Box::pin(respond(&layer, background));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(response.as_mut().poll(&mut cx).is_pending(), "the head waits for the store");
    drop(response);
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!(state(&jobs, id).await, State::Available);
}

#[tokio::test]
async fn calls_of_a_failed_handler_are_stored_only_where_their_list_says_so() {
    let (jobs, _, _) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let mut ids = Vec::new();
    let handler = |request: Request<()>| {
        let (dropped, kept) = (Background::of(&request).unwrap(), Background::of(&request).unwrap().even_on_error());
        ids.extend([dropped.add_durable(mail("ada")), kept.add_durable(mail("bob"))]);
        async { Err::<Response<Frames>, _>("out of order") }
    };
    call(&layer, Request::new(()), handler).await.unwrap_err();
    assert!(layer.shutdown(LONG).await.is_clean());
    assert!(jobs.job(ids[0]).await.unwrap().is_none());
    assert_eq!(state(&jobs, ids[1]).await, State::Available);
}

#[tokio::test]
async fn a_call_added_while_the_body_is_sent_is_stored_at_its_end() {
    let (jobs, _, _) = recording::client();
    let layer = BackgroundLayer::new(jobs.clone());
    let mut background = None;
    let response = get(&layer, async |request| {
        background = Background::of(&request);
        Response::new(Frames::two())
    })
    .await;
    let id = background.unwrap().add_durable(mail("ada"));
    assert!(jobs.job(id).await.unwrap().is_none());
    read(response, Client::ReadsAll).await;
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!(state(&jobs, id).await, State::Available);
}
