//! Durable calls of a client that sends its jobs to where others run them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::{Request, Response, StatusCode, header};
use http_body::Body as _;
use sidetask::core::NewJob;
use sidetask::{Call, Client as Jobs, Clock, Dispatch, Enqueued, Error, JobId, JobRecord, When};
use sidetask_testing::ManualClock;
use sidetask_tower::{Background, BackgroundBody, BackgroundLayer};

use crate::kit::{Client, Frames, LONG, Ran, get, read};

/// Takes down what it is sent, save kinds that it does not take.
#[derive(Debug, Default)]
struct Service {
    clock: ManualClock,
    sent: Mutex<Vec<NewJob>>,
    requests: Mutex<Vec<usize>>,
    refused: Mutex<HashSet<&'static str>>,
    is_down: Mutex<bool>,
}

impl Service {
    fn new() -> (Arc<Self>, BackgroundLayer) {
        let service = Arc::new(Self::default());
        let client = Jobs::dispatching(Arc::clone(&service) as Arc<dyn Dispatch>);
        (service, BackgroundLayer::new(client))
    }

    fn kinds(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(|job| job.kind.to_string()).collect()
    }

    fn take(&self, job: NewJob) -> Result<Enqueued, Error> {
        if *self.is_down.lock().unwrap() {
            return Err(Error::storage("the service is down", "by order"));
        }
        if self.refused.lock().unwrap().contains(&*job.kind) {
            return Err(Error::refused(format!("`{}` is not taken", job.kind), "AccessDenied"));
        }
        let id = job.id.expect("the layer names its jobs");
        self.sent.lock().unwrap().push(job);
        Ok(Enqueued { id, existed: false })
    }
}

#[async_trait]
impl Dispatch for Service {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    async fn send(&self, jobs: Vec<NewJob>) -> Vec<Result<Enqueued, Error>> {
        self.requests.lock().unwrap().push(jobs.len());
        jobs.into_iter().map(|job| self.take(job)).collect()
    }

    async fn jobs(&self, _: Vec<JobId>) -> Result<Vec<Option<JobRecord>>, Error> {
        Err(Error::unsupported("nothing is kept"))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

fn mail() -> Call {
    Call::new("mail", "ada")
}

async fn respond(layer: &BackgroundLayer, background: Background) -> Response<BackgroundBody<Frames>> {
    get(layer, async |_| {
        let mut response = Response::new(Frames::two());
        background.attach(&mut response);
        response
    })
    .await
}

#[tokio::test]
async fn calls_are_sent_once_before_the_head_as_they_are() {
    let (service, layer) = Service::new();
    let background = Background::durable_many([mail(), Call::new("post", ()).delay(LONG)]);
    let ids = background.job_ids();
    let response = respond(&layer, background).await;
    assert_eq!(response.status(), StatusCode::OK);
    let sent = |service: &Service| -> Vec<_> {
        service.sent.lock().unwrap().iter().map(|job| (job.id.unwrap(), job.when)).collect()
    };
    let expected = [(ids[0], When::Now), (ids[1], When::After(LONG))];
    assert_eq!(sent(&service), expected, "they are there with the head, and nothing holds them");
    read(response, Client::LeavesAfterOneFrame).await;
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!((sent(&service), service.requests.lock().unwrap().as_slice()), (expected.to_vec(), [2].as_slice()));
}

#[tokio::test]
async fn a_service_that_fails_or_refuses_gives_503_and_fails_the_handlers_other_tasks() {
    for is_down in [true, false] {
        let (service, layer) = Service::new();
        *service.is_down.lock().unwrap() = is_down;
        service.refused.lock().unwrap().insert("mail");
        let ran = Ran::default();
        let background = Background::durable(mail());
        background.add_task(ran.task("beside"));
        let response = respond(&layer, background).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert!(response.body().is_end_stream());
        assert!(ran.by_the_end_of(&layer).await.is_empty());
    }
}

#[tokio::test]
async fn of_several_calls_those_that_were_taken_are_sent_all_the_same() {
    let (service, layer) = Service::new();
    service.refused.lock().unwrap().insert("mail");
    let response = respond(&layer, Background::durable_many([mail(), Call::new("post", ())])).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(service.kinds(), ["post"]);
}

#[tokio::test]
async fn what_is_to_run_only_if_the_response_was_sent_is_refused_and_nothing_is_sent() {
    let (service, _) = Service::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let client = Jobs::dispatching(Arc::clone(&service) as Arc<dyn Dispatch>);
    let layer = BackgroundLayer::builder().client(client).on_error(move |failure| {
        seen.lock().unwrap().push((failure.error.is_unsupported(), failure.error.to_string()));
    });
    let layer = layer.build().unwrap();
    let response = get(&layer, async |_| {
        let mut response = Response::new(Frames::two());
        Background::durable(Call::new("post", ())).attach(&mut response);
        Background::durable(mail()).only_if_sent().attach(&mut response);
        response
    })
    .await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let told = told.lock().unwrap();
    let (is_unsupported, text) = &told[0];
    assert!(*is_unsupported && text.contains("`mail`") && text.contains("only_if_sent"), "{text}");
    assert!(service.kinds().is_empty());
}

#[tokio::test]
async fn a_call_added_while_the_body_is_sent_is_sent_at_its_end() {
    let (service, layer) = Service::new();
    let mut background = None;
    let response = get(&layer, async |request: Request<()>| {
        background = Background::of(&request).map(Background::only_if_sent);
        Response::new(Frames::two())
    })
    .await;
    background.unwrap().add_durable(mail());
    assert!(service.kinds().is_empty());
    read(response, Client::ReadsAll).await;
    assert!(layer.shutdown(LONG).await.is_clean());
    assert_eq!(service.kinds(), ["mail"], "it is known by then that the response was sent");
}
