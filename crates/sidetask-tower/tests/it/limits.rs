//! What happens to requests while no more tasks can be taken.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use http::{Request, Response, StatusCode, header};
use http_body::Body as _;
use sidetask::Task;
use sidetask_tower::{Background, BackgroundLayer, BackgroundLayerBuilder, WhenFull};
use tokio::sync::Semaphore;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::kit::{Client, Frames, Ran, get, read, until};

/// Room for one task, and none in the queue.
fn narrow(when_full: WhenFull) -> BackgroundLayerBuilder {
    BackgroundLayer::builder().concurrency(1).queue(0).when_full(when_full)
}

/// Has a request leave a task behind that runs until it is let go.
async fn fill(layer: &BackgroundLayer) -> Arc<Semaphore> {
    let go = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&go);
    let response = get(layer, async |_| {
        let mut response = Response::new(Frames::two());
        Background::new(Task::once(async move { held.acquire().await.unwrap().forget() })).attach(&mut response);
        response
    })
    .await;
    read(response, Client::ReadsAll).await;
    assert_eq!(layer.stats().running, 1);
    go
}

fn with_task(ran: &Ran) -> Response<Frames> {
    let mut response = Response::new(Frames::two());
    Background::new(ran.task("task")).attach(&mut response);
    response
}

#[tokio::test]
async fn a_full_layer_refuses_requests_before_the_handler() {
    let (layer, ran) = (narrow(WhenFull::Reject).build().unwrap(), Ran::default());
    let go = fill(&layer).await;
    let response = get(&layer, async |_| -> Response<Frames> { unreachable!("the handler does not run") }).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert!(response.body().is_end_stream());
    assert_eq!(response.body().size_hint().exact(), Some(0));
    go.add_permits(1);
    until("room", async || layer.stats().running == 0).await;
    read(get(&layer, async |_| with_task(&ran)).await, Client::ReadsAll).await;
    assert_eq!(ran.by_the_end_of(&layer).await, ["task"]);
}

#[tokio::test]
async fn a_full_layer_holds_requests_before_the_handler_until_there_is_room() {
    let (layer, ran) = (narrow(WhenFull::Wait).build().unwrap(), Ran::default());
    let go = fill(&layer).await;
    let handled = Arc::new(Mutex::new(false));
    let service = layer.layer(service_fn(async |_: Request<()>| {
        *handled.lock().unwrap() = true;
        Ok::<_, &str>(with_task(&ran))
    }));
    let mut served = Box::pin(service.oneshot(Request::new(())));
    for _ in 0..3 {
        assert!(served.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(!*handled.lock().unwrap());
    go.add_permits(1);
    read(served.await.unwrap(), Client::ReadsAll).await;
    assert_eq!(ran.by_the_end_of(&layer).await, ["task"]);
}

#[tokio::test]
async fn a_full_layer_that_drops_tasks_runs_the_handler_and_tells_of_them() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let layer = narrow(WhenFull::Drop).on_error(move |failure| {
        let text = (failure.name.to_owned(), failure.origin.map(str::to_owned), failure.error.is_queue_full());
        seen.lock().unwrap().push(text);
    });
    let (layer, ran) = (layer.build().unwrap(), Ran::default());
    let go = fill(&layer).await;
    let request = Request::builder().header("x-request-id", "r-1").body(()).unwrap();
    let handler = |_| {
        let response = with_task(&ran);
        async { Ok::<_, &str>(response) }
    };
    let response = crate::kit::call(&layer, request, handler).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    read(response, Client::ReadsAll).await;
    assert_eq!(layer.stats().dropped, 1);
    assert_eq!(*told.lock().unwrap(), [("task".to_owned(), Some("r-1".to_owned()), true)]);
    go.add_permits(1);
    assert!(ran.by_the_end_of(&layer).await.is_empty());
}

#[tokio::test]
async fn an_admitted_request_loses_no_task_though_the_queue_has_filled_meanwhile() {
    for when_full in [WhenFull::Reject, WhenFull::Wait] {
        let (layer, ran) = (narrow(when_full).build().unwrap(), Ran::default());
        let response = get(&layer, async |_| {
            let response = with_task(&ran);
            fill(&layer).await.add_permits(1);
            response
        });
        read(response.await, Client::ReadsAll).await;
        assert_eq!(ran.by_the_end_of(&layer).await, ["task"], "{when_full:?}");
        assert_eq!(layer.stats().dropped, 0);
    }
}

#[tokio::test]
async fn a_request_that_stops_waiting_for_room_takes_none() {
    let (layer, ran) = (narrow(WhenFull::Wait).build().unwrap(), Ran::default());
    let go = fill(&layer).await;
    let wait = || Box::pin(get(&layer, async |_| with_task(&ran)));
    let (mut gone, mut patient) = (wait(), wait());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(gone.as_mut().poll(&mut cx).is_pending() && patient.as_mut().poll(&mut cx).is_pending());
    go.add_permits(1);
    until("room", async || layer.stats().running == 0).await;
    drop(gone);
    let Poll::Ready(response) = patient.as_mut().poll(&mut cx) else { panic!("there is room") };
    read(response, Client::ReadsAll).await;
    drop(patient);
    assert_eq!(ran.by_the_end_of(&layer).await, ["task"]);
}

#[tokio::test]
async fn who_finds_room_wakes_the_next_though_it_stays() {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let layer = narrow(WhenFull::Wait).build().unwrap();
    let go = fill(&layer).await;
    let mut waits = [(); 2].map(|()| {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let mut service = layer.layer(service_fn(async |_: Request<()>| Ok::<_, &str>(Response::new(Frames::two()))));
        let mut poll = {
            let waker = Waker::from(Arc::clone(&woken));
            move || Service::<Request<()>>::poll_ready(&mut service, &mut Context::from_waker(&waker)).is_ready()
        };
        assert!(!poll());
        (woken, poll)
    });
    go.add_permits(1);
    for (woken, poll) in &mut waits {
        until("it to be woken", async || woken.0.load(Ordering::SeqCst)).await;
        assert!(poll());
    }
}

#[test]
fn every_setting_that_cannot_be_used_is_named() {
    assert!(BackgroundLayer::builder().concurrency(0).build().unwrap_err().is_configuration());
    let both = BackgroundLayer::builder().concurrency(0).hold(std::time::Duration::ZERO).build().unwrap_err();
    assert!(both.is_configuration());
    for fault in ["concurrency of 0", "hold of 0ns"] {
        assert!(both.to_string().contains(fault), "{both}");
    }
}
