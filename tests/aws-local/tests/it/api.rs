use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sidetask_aws_local::Lambda;

use crate::handlers::{NAME, handler, lambda, look, returned, told_to};

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

async fn invoke(lambda: &Lambda, function: &str, invocation_type: &str, payload: impl Into<String>) -> Answer {
    let url = format!("{}/2015-03-31/functions/{function}/invocations", lambda.endpoint());
    let request = Request::post(url).header("x-amz-invocation-type", invocation_type);
    let request = request.body(Full::new(Bytes::from(payload.into()))).unwrap();
    let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status: head.status, headers: head.headers, body }
}

#[tokio::test]
async fn an_event_is_accepted_with_202_and_runs_later() {
    let lambda = lambda(handler()).await;
    let answer = invoke(&lambda, NAME, "Event", look().to_string()).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::ACCEPTED, ""));
    lambda.settled(NAME).await.unwrap();
    assert_eq!(returned(&lambda)[0]["request_id"], answer.headers["x-amzn-requestid"].to_str().unwrap());
}

#[tokio::test]
async fn a_synchronous_call_answers_the_result_or_the_error() {
    let lambda = lambda(handler()).await;
    let answer = invoke(&lambda, NAME, "RequestResponse", r#"{"a":1}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, r#"{"a":1}"#));
    assert!(!answer.headers.contains_key("x-amz-function-error"));
    let answer = invoke(&lambda, NAME, "RequestResponse", told_to("fail").to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["x-amz-function-error"], "Unhandled");
    let error: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(error["errorType"], "ValueError");
    assert_eq!(lambda.runs(NAME).len(), 2, "nothing is retried");
    assert!(lambda.dead_letters(NAME).is_empty());
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let lambda = lambda(handler()).await;
    assert_eq!(invoke(&lambda, NAME, "DryRun", "{}").await.status, StatusCode::NO_CONTENT);
    lambda.settled(NAME).await.unwrap();
    assert!(lambda.runs(NAME).is_empty());
}

#[tokio::test]
async fn an_alias_comes_in_the_name_or_in_the_query() {
    let lambda = lambda(handler()).await;
    let arn = format!("{}:live", lambda.arn(NAME));
    let escaped = arn.replace(':', "%3A");
    let path = format!("{NAME}/invocations?Qualifier=live");
    for name in [&escaped, &format!("{NAME}:live")] {
        let answer = invoke(&lambda, name, "RequestResponse", look().to_string()).await;
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap()["arn"], arn);
    }
    let url = format!("{}/2015-03-31/functions/{path}", lambda.endpoint());
    let request = Request::post(url).body(Full::new(Bytes::from(look().to_string()))).unwrap();
    Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    assert_eq!(returned(&lambda)[2]["arn"], arn);
    let requests = lambda.requests(NAME);
    assert!(requests.iter().all(|request| request.qualifier.as_deref() == Some("live")), "{requests:?}");
}

#[tokio::test]
async fn requests_that_lambda_would_refuse_are_refused_as_it_does() {
    let lambda = lambda(handler()).await;
    let text = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
    let cases = [
        (NAME, "Event", text(1_048_576), 202, ""),
        (NAME, "Event", text(1_048_577), 413, "RequestTooLargeException"),
        (NAME, "RequestResponse", text(1_048_577), 200, ""),
        (NAME, "RequestResponse", text(6_291_557), 413, "RequestTooLargeException"),
        (NAME, "Event", "{".to_owned(), 400, "InvalidRequestContentException"),
        (NAME, "Sometimes", "{}".to_owned(), 400, "InvalidParameterValueException"),
        ("other", "Event", "{}".to_owned(), 404, "ResourceNotFoundException"),
    ];
    for (function, invocation_type, payload, status, error) in cases {
        let size = payload.len();
        let answer = invoke(&lambda, function, invocation_type, payload).await;
        let named = answer.headers.get("x-amzn-errortype").map_or("", |name| name.to_str().unwrap());
        assert_eq!((answer.status.as_u16(), named), (status, error), "{function} {invocation_type} {size}");
        if status >= 400 {
            assert!(serde_json::from_str::<Value>(&answer.body).unwrap()["Message"].is_string(), "{}", answer.body);
        }
    }
    lambda.settled(NAME).await.unwrap();
    assert_eq!(lambda.runs(NAME).len(), 2);
    let statuses: Vec<u16> = lambda.requests(NAME).iter().map(|request| request.status).collect();
    assert_eq!(statuses, [202, 413, 200, 413, 400, 400]);
}

#[tokio::test]
async fn requests_are_refused_on_demand() {
    let lambda = lambda(handler()).await;
    lambda.refuse_next(2, 429, "TooManyRequestsException");
    for _ in 0..2 {
        let answer = invoke(&lambda, NAME, "Event", "{}").await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers["x-amzn-errortype"], "TooManyRequestsException");
    }
    assert_eq!(invoke(&lambda, NAME, "Event", "{}").await.status, StatusCode::ACCEPTED);
    lambda.settled(NAME).await.unwrap();
    assert_eq!((lambda.requests(NAME).len(), lambda.runs(NAME).len()), (3, 1));
}

#[tokio::test]
async fn requests_under_way_at_one_time_are_counted() {
    let lambda = lambda(handler()).await;
    assert_eq!(lambda.most_in_flight(NAME), 0);
    invoke(&lambda, NAME, "Event", "{}").await;
    invoke(&lambda, NAME, "Event", "{}").await;
    assert_eq!(lambda.most_in_flight(NAME), 1);
    lambda.answer_after(Duration::from_secs(2));
    tokio::join!(invoke(&lambda, NAME, "Event", "{}"), invoke(&lambda, NAME, "Event", "{}"));
    assert_eq!(lambda.most_in_flight(NAME), 2);
    let request = &lambda.requests(NAME)[0];
    assert_eq!((request.invocation_type.as_str(), &request.payload[..]), ("Event", &b"{}"[..]));
    assert_eq!(json!(null), json!(request.qualifier));
}
