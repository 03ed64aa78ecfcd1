//! Clients that send jobs to where others run them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sidetask::core::NewJob;
use sidetask::{
    Backend, Call, Client, ClientBuilder, Clock, Dispatch, Error, Filter, JobId, Page, Registry, Scheme, State,
    TaskOptions, When, task,
};
use sidetask_testing::ManualClock;

use crate::faulty::set;
use crate::kit::{Kit, over_stores, soon};
use crate::service::Service;

mod waiting;

over_stores! {
    each_call_is_answered_for_by_a_store,
    a_store_that_fails_fails_each_call_that_it_was_given,
}

const SECOND: Duration = Duration::from_secs(1);

#[task(name = "sent.thumbnail", queue = "images", to = "lambda:thumbnails")]
async fn thumbnail(path: String) -> usize {
    path.len()
}

fn nothing() -> Call {
    Call::new("nothing", ())
}

fn unencodable() -> Call {
    Call::new("map", HashMap::from([((1, 2), 3)]))
}

fn service() -> (Arc<Service>, Client) {
    let service = Service::new(ManualClock::default());
    let client = service.client();
    (service, client)
}

fn destinations(service: &Service) -> Vec<Option<String>> {
    service.sent().into_iter().map(|job| job.to.map(String::from)).collect()
}

#[tokio::test]
async fn a_job_is_sent_with_all_that_its_call_says() {
    let (service, client) = service();
    let id = client.new_job_id();
    let call =
        Call::new("mail", "ada").id(id).delay(SECOND).key("once").timeout(9 * SECOND).max_attempts(3).priority(-1);
    let job = client.enqueue(call.limit("ada", 2).to("sns:topic")).await.unwrap();
    assert_eq!((job.id(), job.existed()), (id, false));
    let NewJob { kind, queue, args, max_attempts, timeout, priority, when, key, id: sent, lane, tick, trace, to } =
        service.sent().remove(0);
    assert_eq!((&*kind, &*queue, args.as_str(), max_attempts), ("mail", "default", "\"ada\"", 3));
    assert_eq!((timeout, priority, when, sent), (Some(9 * SECOND), -1, When::After(SECOND), Some(id)));
    assert_eq!((key.as_deref(), to.as_deref()), (Some("once"), Some("sns:topic")));
    assert_eq!((lane.map(|lane| (lane.name, lane.width)), tick, trace), (Some(("ada".into(), 2)), None, None));
    assert_eq!(client.job(id).await.unwrap().unwrap().state, State::Available);
}

#[tokio::test]
async fn a_calls_destination_goes_before_its_tasks_and_that_before_none() {
    let (service, client) = service();
    client.enqueue(thumbnail::call("a".into())).await.unwrap();
    client.enqueue(thumbnail::call("a".into()).to("sqs:queue")).await.unwrap();
    client.enqueue(Call::new("sent.thumbnail", ["a"])).await.unwrap();
    client.enqueue(nothing()).await.unwrap();
    client.enqueue(nothing().to("sns:")).await.unwrap();
    let expected = [Some("lambda:thumbnails"), Some("sqs:queue"), Some("lambda:thumbnails"), None, Some("sns:")];
    assert_eq!(destinations(&service), expected.map(|to| to.map(str::to_owned)));

    let mut registry = Registry::new();
    let options = TaskOptions::new().to("lambda:by-hand");
    registry.register("by.hand", |()| async {}).set_options(options.clone());
    let known = registry.iter().next().unwrap();
    assert_eq!(nothing().into_new_job(Some(known), 99).unwrap().to.as_deref(), Some("lambda:by-hand"));
    assert_eq!(options.to.as_deref(), Some("lambda:by-hand"));
}

#[tokio::test]
async fn of_many_that_were_sent_the_error_says_how_many_were_refused() {
    let (service, client) = service();
    service.refuses("mail");
    let mail = || Call::new("mail", ());
    let error = client.enqueue_many([nothing(), mail(), nothing(), mail()]).await.unwrap_err();
    assert!(error.is_refused() && error.to_string().starts_with("2 of 4 jobs were not accepted"), "{error}");
    assert!(error.to_string().contains("`mail` is not taken"), "{error}");
    assert_eq!((service.requests(), service.sent().len()), (vec![4], 2));
    let alone = client.enqueue_many([mail()]).await.unwrap_err();
    assert_eq!(alone.to_string(), client.enqueue(mail()).await.unwrap_err().to_string());
    let refused_here = client.enqueue_many([nothing(), unencodable()]).await.unwrap_err();
    assert!(refused_here.is_encode() && service.sent().len() == 2, "nothing was sent");
}

/// What became of each of a good call, one that cannot be encoded, one over the limit, and another good one.
async fn enqueue_mixed(client: &Client) -> Vec<Result<JobId, Error>> {
    let jobs = client.enqueue_each([nothing(), unencodable(), nothing().max_attempts(0), nothing()]).await;
    jobs.into_iter().map(|job| job.map(|job| job.id())).collect()
}

#[tokio::test]
async fn each_call_is_answered_for_where_it_was_sent() {
    let (service, client) = service();
    let answers = enqueue_mixed(&client).await;
    assert!(answers[0].is_ok() && answers[3].is_ok());
    assert!(
        answers[1].as_ref().is_err_and(Error::is_encode) && answers[2].as_ref().is_err_and(Error::is_configuration)
    );
    assert_eq!(service.requests(), [2], "the good ones are one request");

    service.refuses("mail");
    let answers = client.enqueue_each([Call::new("mail", ()), nothing()]).await;
    assert!(answers[0].as_ref().is_err_and(Error::is_refused) && answers[1].is_ok());
    assert!(client.enqueue_each([unencodable()]).await[0].is_err());
    assert!(client.enqueue_each::<()>([]).await.is_empty());
    assert_eq!(service.requests(), [2, 2], "nothing to send is no request");
}

async fn each_call_is_answered_for_by_a_store(kit: Kit) {
    let answers = enqueue_mixed(&kit.client).await;
    assert!(
        answers[1].as_ref().is_err_and(Error::is_encode) && answers[2].as_ref().is_err_and(Error::is_configuration)
    );
    let stored: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(stored.len(), 2);
    let mut listed = kit.client.list(Filter::all(), Page::default()).await.unwrap();
    listed.reverse();
    assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), stored, "in the order of the calls");
}

async fn a_store_that_fails_fails_each_call_that_it_was_given(kit: Kit) {
    set(&kit.store.is_down, true);
    let answers = enqueue_mixed(&kit.client).await;
    assert!(answers[1].as_ref().is_err_and(Error::is_encode), "{:?}", answers[1]);
    for at in [0, 3] {
        let error = answers[at].as_ref().unwrap_err();
        assert!(error.is_storage() && error.to_string() == "the store is down", "{error}");
        assert_eq!(std::error::Error::source(error).unwrap().to_string(), "by order");
    }
    set(&kit.store.is_down, false);
    assert_eq!(kit.client.stats().await.unwrap().total().total(), 0);
}

#[tokio::test]
async fn a_job_that_is_not_answered_for_counts_as_failed() {
    let (service, client) = service();
    service.is_silent_on_the_last(1);
    let answers = client.enqueue_each([nothing(), nothing()]).await;
    assert!(answers[0].is_ok() && answers[1].as_ref().is_err_and(Error::is_storage));
    assert!(client.enqueue(nothing()).await.unwrap_err().is_storage());
    let error = client.enqueue_many([nothing(), nothing()]).await.unwrap_err();
    assert!(error.is_storage() && error.to_string().starts_with("1 of 2"), "{error}");
}

#[tokio::test]
async fn what_only_a_store_can_do_is_refused_with_what_can() {
    let (service, client) = service();
    let job = client.enqueue(nothing()).await.unwrap();
    let table = [
        ("cancel a job", job.cancel().await.unwrap_err()),
        ("retry a job", job.retry().await.unwrap_err()),
        ("reschedule a job", job.reschedule(SECOND).await.unwrap_err()),
        ("list jobs", client.list(Filter::all(), Page::default()).await.unwrap_err()),
        ("count jobs", client.stats().await.unwrap_err()),
        ("pause a queue", client.pause("mail").await.unwrap_err()),
        ("resume a queue", client.resume("mail").await.unwrap_err()),
        ("purge jobs", client.purge(State::Completed, SECOND).await.unwrap_err()),
        ("migrate", client.migrate().await.unwrap_err()),
    ];
    for (what, error) in table {
        let text = error.to_string();
        assert!(error.is_unsupported() && text.contains(what) && text.contains("`sqlite:`"), "{what}: {error}");
    }
    assert!(client.store().is_none());
    assert_eq!(service.asked().len(), 0, "none of this was asked of the service");
}

#[tokio::test]
async fn a_worker_has_nothing_to_claim_where_jobs_are_sent() {
    let (_, client) = service();
    let error = client.worker().queue("mail", 1).start().await.unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("Lambda"), "{error}");
    let error = client.worker().when_needed().start().await.unwrap_err();
    assert!(error.is_unsupported(), "{error}");
}

#[tokio::test]
async fn a_closed_service_says_so() {
    let (service, client) = service();
    let job = client.enqueue(nothing()).await.unwrap();
    client.close().await.unwrap();
    assert!(client.enqueue(nothing()).await.unwrap_err().is_closed());
    assert!(soon(job.wait()).await.unwrap_err().is_closed());
    client.close().await.unwrap();
    assert_eq!(service.sent().len(), 1);
}

#[tokio::test]
async fn arguments_that_are_sent_may_be_larger_than_those_that_are_stored() {
    let (_, client) = service();
    client.enqueue(Call::new("k", "x".repeat(2 << 20))).await.unwrap();
    let error = client.enqueue(Call::new("k", "x".repeat((64 << 20) - 1))).await.unwrap_err();
    assert!(
        error.is_too_large() && error.to_string().contains("67108865 bytes is over the limit of 67108864"),
        "{error}"
    );
    assert!(client_of_one_kib().enqueue(Call::new("k", "x".repeat(1_024))).await.unwrap_err().is_too_large());
}

fn client_of_one_kib() -> Client {
    ClientBuilder::dispatching(Service::new(ManualClock::default())).max_args_bytes(1_024).build()
}

#[tokio::test]
async fn ids_are_of_the_services_clock() {
    let clock = ManualClock::default();
    let client = Service::new(clock.clone()).client();
    assert_eq!(client.clock().now(), clock.now());
    let first = client.new_job_id();
    clock.advance(60 * SECOND);
    assert_eq!(client.clock().now(), clock.now());
    assert!(client.new_job_id() > first);
}

sidetask::scheme!(Scheme::new("test-service", |url| Box::pin(async move {
    match url.strip_prefix("test-service:") {
        Some("fine?x=1") => Ok(Backend::from(Service::new(ManualClock::default()) as Arc<dyn Dispatch>)),
        _ => Err(Error::url(format!("`{url}` is not understood"))),
    }
})));

#[tokio::test]
async fn a_scheme_that_a_crate_brings_in_is_opened_by_connect() {
    let client = sidetask::connect("test-service:fine?x=1").await.unwrap();
    assert!(client.store().is_none());
    assert!(!client.enqueue(nothing()).await.unwrap().existed());
    let error = sidetask::connect("test-service:broken").await.unwrap_err();
    assert!(error.is_url() && error.to_string().contains("test-service:broken"), "{error}");
    let error = sidetask::connect("other-service:fine").await.unwrap_err();
    assert!(error.is_url() && error.to_string().ends_with("`memory:`, or `test-service:`"), "{error}");
}

#[tokio::test]
async fn a_service_that_is_not_linked_is_refused_with_what_to_add() {
    for scheme in ["lambda", "sns", "sqs"] {
        let error = sidetask::connect(format!("{scheme}:thumbnails")).await.unwrap_err();
        assert!(error.is_url(), "{error}");
        for part in ["sidetask-aws", &format!("feature `{scheme}`"), "use sidetask_aws as _"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
