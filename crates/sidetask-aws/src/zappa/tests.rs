//! Zappa's own test cases for its asynchronous tasks, and those that it lacks.

use serde_json::{Value, json};
use sidetask::{Call, Registry, TaskError};

use super::*;

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register("tests.echo", |value: Value| async move { value });
    registry.register("tests.add", |(a, b): (u64, u64)| async move { a + b }).alias("old.add");
    registry.register("tests.fail", |_: Value| async { Err::<(), _>(TaskError::permanent("no oven")) });
    registry.register("tests.cancel", |_: Value| async { Err::<(), _>(TaskError::cancel("nobody is hungry")) });
    registry
}

fn app() -> App {
    App::builder(registry()).region("us-east-1").build().unwrap()
}

fn message(task_path: &str, args: Value, kwargs: Value) -> Value {
    json!({ "command": "zappa.asynchronous.route_lambda_task", "task_path": task_path, "args": args, "kwargs": kwargs })
}

#[test]
fn the_exception_and_both_responses_can_be_made() {
    let app = app();
    let exception: AsyncException = AsyncException::configuration(&["fault".to_owned()]);
    assert_eq!(exception.to_string(), "fault");
    let lambda = LambdaAsyncResponse::new(&app).lambda_function_name("kitchen").aws_region("eu-west-1");
    assert!(!lambda.sent() && lambda.response_id().is_none());
    let sns = SnsAsyncResponse::new(&app).arn("arn:abc:def").capture_response(true);
    assert!(sns.sent().is_none() && sns.topic() == Some("arn:abc:def"));
    assert_eq!(sns.response_id().unwrap().len(), 36);
    assert_eq!(ASYNC_CLASSES.map(|(name, _)| name), ["lambda", "sns"]);
}

#[test]
fn a_task_is_found_by_its_kind_and_aliases_and_nothing_else_is() {
    let app = app();
    assert_eq!(import_and_get_task(&app, "tests.echo").unwrap().kind(), "tests.echo");
    assert_eq!(import_and_get_task(&app, "old.add").unwrap().kind(), "tests.add");
    for path in ["os.system", "tests", ""] {
        assert!(import_and_get_task(&app, path).unwrap_err().is_unknown_kind(), "{path}");
    }
}

#[tokio::test]
async fn a_call_without_a_function_name_runs_here_and_answers_the_value() {
    let ran = run(&app(), Call::new("tests.echo", "123")).await.unwrap();
    assert_eq!(ran.returned(), Some(json!("123")));
    let sum: Ran<u64> = run(&app(), Call::new("tests.add", (20, 22)).returns()).service(Service::Sns).await.unwrap();
    assert_eq!(sum.returned(), Some(42));
}

#[tokio::test]
async fn the_response_of_a_call_that_runs_here_is_not_captured() {
    let ran = run(&app(), Call::new("tests.echo", 1)).capture_response(true).await.unwrap();
    assert_eq!(ran.returned(), Some(json!(1)));
}

#[tokio::test]
async fn arguments_without_a_json_form_fail_before_a_task_runs_here() {
    let call = Call::new("tests.echo", std::collections::HashMap::from([((1, 2), 3)]));
    assert!(run(&app(), call).await.unwrap_err().is_encode());
}

#[tokio::test]
async fn the_errors_of_a_task_that_runs_here_are_the_calls() {
    let error = run(&app(), Call::new("tests.fail", 1)).await.unwrap_err();
    assert!(error.is_failed());
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no oven");
    assert!(run(&app(), Call::new("tests.cancel", 1)).await.unwrap_err().is_cancelled());
    assert!(run(&app(), Call::new("tests.unheard_of", 1)).await.unwrap_err().is_unknown_kind());
}

#[tokio::test]
async fn what_a_message_has_no_room_for_is_refused() {
    let calls = [
        Call::new("tests.echo", 1).delay(std::time::Duration::from_secs(1)),
        Call::new("tests.echo", 1).key("once"),
        Call::new("tests.echo", 1).id(sidetask::JobId::from_bytes([7; 16])),
        Call::new("tests.echo", 1).sequence("one"),
    ];
    for call in calls {
        assert!(run(&app(), call).await.unwrap_err().is_unsupported());
    }
    let error = run(&app(), Call::new("tests.echo", 1)).service(Service::Sqs).await.unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("sqs:"), "{error}");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let around = r#"{"task_path": "k", "capture_response": false, "response_id": null, "args": [""], "kwargs": {}, "command": "zappa.asynchronous.route_lambda_task"}"#;
    let of = |size: usize| "x".repeat(size - around.len());
    let app = App::builder(Registry::new()).function_name("kitchen").build().unwrap();
    let send = |size| LambdaAsyncResponse::new(&app).lambda_function_name("").send("k", [of(size)], ());
    // One at the limit gets as far as the SDK, which refuses the empty name.
    let at = send(LAMBDA_ASYNC_PAYLOAD_LIMIT).await.unwrap_err();
    assert!(!at.is_too_large(), "{at}");
    let over = send(LAMBDA_ASYNC_PAYLOAD_LIMIT + 1).await.unwrap_err();
    assert!(over.is_too_large() && over.to_string().contains("256001 bytes"), "{over}");
    let over = SnsAsyncResponse::new(&app).arn("").send("k", [of(SNS_ASYNC_PAYLOAD_LIMIT + 4)], ()).await.unwrap_err();
    assert!(over.is_too_large(), "{over}");
}

#[tokio::test]
async fn capturing_takes_a_table() {
    let app = App::builder(registry()).function_name("kitchen").build().unwrap();
    assert!(run(&app, Call::new("tests.echo", 1)).capture_response(true).await.unwrap_err().is_configuration());
    let mut message = message("tests.echo", json!([1]), json!({}));
    message["capture_response"] = json!(true);
    message["response_id"] = json!("r1");
    assert!(run_message(&app, &message).await.unwrap_err().is_configuration());
    assert!(get_async_response(&app, "r1").await.unwrap_err().is_configuration());
}

#[tokio::test]
async fn a_direct_event_answers_the_value_with_and_without_named_arguments() {
    let value = route_lambda_task(&app(), message("tests.echo", json!(["x"]), json!({}))).await.unwrap();
    assert_eq!(value.as_str(), r#""x""#);
    let value = route_lambda_task(&app(), message("tests.echo", json!([]), json!({ "foo": 1 }))).await.unwrap();
    assert_eq!(value.as_str(), r#"{"foo":1}"#);
    let value = run_message(&app(), message("old.add", json!([1, 2]), json!({})).to_string()).await.unwrap();
    assert_eq!(value.as_str(), "3");
}

#[tokio::test]
async fn a_task_takes_as_many_arguments_as_it_has_parameters() {
    #[task(name = "tests.none")]
    async fn none() -> usize {
        0
    }
    #[task(name = "tests.one")]
    async fn one(_a: u8) -> usize {
        1
    }
    #[task(name = "tests.two")]
    async fn two(_a: u8, _b: Option<u8>) -> usize {
        2
    }
    let mut registry = registry();
    registry.add::<none>();
    registry.add::<one>();
    registry.add::<two>();
    let app = App::builder(registry).build().unwrap();
    let good =
        [("none", json!([]), "0"), ("one", json!([1]), "1"), ("two", json!([1, 2]), "2"), ("two", json!([1]), "2")];
    for (name, args, expected) in good {
        let value = run_message(&app, message(&format!("tests.{name}"), args, json!({}))).await.unwrap();
        assert_eq!(value.as_str(), expected, "{name}");
    }
    for (name, args) in [("none", json!([1])), ("one", json!([])), ("one", json!([1, 2])), ("two", json!([1, 2, 3]))] {
        assert!(run_message(&app, message(&format!("tests.{name}"), args, json!({}))).await.is_err(), "{name}");
    }
    let named = run_message(&app, message("tests.two", json!([1]), json!({ "_b": 2 }))).await.unwrap();
    assert_eq!(named.as_str(), "2");
}

#[tokio::test]
async fn an_event_of_sns_runs_every_record_whether_or_not_it_names_its_topic() {
    let record = |a: u64| json!({ "Sns": { "Message": message("tests.add", json!([a, 1]), json!({})).to_string() } });
    let event = json!({ "Records": [record(1), record(2)] });
    let values = route_sns_task(&app(), &event).await.unwrap();
    assert_eq!(values.iter().map(|value| value.as_str()).collect::<Vec<_>>(), ["2", "3"]);
    assert!(route_sns_task(&app(), json!({ "Records": [{ "Sns": {} }] })).await.unwrap_err().is_decode());
}

#[tokio::test]
async fn a_message_runs_registered_tasks_only() {
    let error = run_message(&app(), message("os.system", json!(["ls"]), json!({}))).await.unwrap_err();
    assert!(error.is_unknown_kind());
    let mut other = message("tests.echo", json!([]), json!({}));
    other["command"] = json!("os.system");
    assert!(run_message(&app(), other).await.unwrap_err().is_decode());
    let error = run_message(&app(), message("tests.fail", json!([1]), json!({}))).await.unwrap_err();
    assert!(error.is_failed());
}

#[tokio::test]
async fn a_topic_is_named_after_its_function_in_the_partition_of_its_region() {
    let arn = |function| async move { app().topic_of(function, None).await.unwrap() };
    assert_eq!(
        arn("arn:aws-cn:lambda:cn-north-1:123456789012:function:kitchen:live").await,
        "arn:aws-cn:sns:cn-north-1:123456789012:kitchen-zappa-async"
    );
    assert_eq!(
        arn("arn:aws:lambda:eu-west-1:123456789012:function:kitchen").await,
        "arn:aws:sns:eu-west-1:123456789012:kitchen-zappa-async"
    );
}
