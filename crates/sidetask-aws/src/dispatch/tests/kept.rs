use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::{DeleteItemInput, DeleteItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_mocks::mock;
use sidetask::JobId;

use super::sqs::{QUEUE, judged};
use super::*;

fn id_of(attributes: Option<&std::collections::HashMap<String, AttributeValue>>) -> String {
    attributes.and_then(|attributes| attributes["id"].as_s().ok()).cloned().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_table_learns_what_was_sent_and_what_was_refused_but_not_what_is_in_doubt() {
    let (written, noted, taken_back) = (Asked::new(), Asked::new(), Asked::new());
    let (put, update, delete) = (written.clone(), noted.clone(), taken_back.clone());
    let put = mock!(Client::put_item).then_compute_output(move |request: &PutItemInput| {
        put.note(id_of(request.item()));
        PutItemOutput::builder().build()
    });
    let update = mock!(Client::update_item).then_compute_output(move |request: &UpdateItemInput| {
        update.note(id_of(request.key()));
        UpdateItemOutput::builder().build()
    });
    let delete = mock!(Client::delete_item).then_compute_output(move |request: &DeleteItemInput| {
        delete.note(id_of(request.key()));
        DeleteItemOutput::builder().build()
    });
    let sent = Asked::new();
    let rule = judged(sent.clone(), |_, body| match body {
        _ if body.contains("refused") => Some((true, "InvalidMessageContents")),
        _ if body.contains("doubt") => Some((false, "InternalError")),
        _ => None,
    });
    let dispatch = settings(&format!("{QUEUE}?responses=jobs")).attempts(1).open().unwrap();
    dispatch.0.sdk.give_sqs(answered_by!(aws_sdk_sqs, rule));
    let table = answered_by!(aws_sdk_dynamodb, put, update, delete);
    let _ = dispatch.0.sdk.clone().with_dynamodb(table);

    let id = |n: u8| JobId::from_bytes([n; 16]);
    let call = |n: u8, name: &str| job(Call::new("k", (name,)).id(id(n)));
    let unkept = job(Call::new("k", ("unkept",)).id(id(4)).to("sqs:?capture=false"));
    let answers = dispatch.send(vec![call(1, "good"), call(2, "refused"), call(3, "doubt"), unkept]).await;

    let classes: Vec<_> = answers.iter().map(|answer| answer.as_ref().map_or_else(class, |_| "ok")).collect();
    assert_eq!(classes, ["ok", "refused", "storage", "ok"]);
    let mut written = written.all();
    written.sort_unstable();
    assert_eq!(written, [1, 2, 3].map(|n| id(n).to_string()));
    assert_eq!(noted.all(), [id(1).to_string()]);
    assert_eq!(taken_back.all(), [id(2).to_string()]);
    let bodies: Vec<String> = sent.all().concat();
    let responding: Vec<bool> = bodies.iter().map(|body| body.ends_with(r#""responds":true}"#)).collect();
    assert_eq!(responding, [true, true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn what_the_table_does_not_take_is_not_sent() {
    let sent = Asked::new();
    let rule = judged(sent.clone(), |_, _| None);
    let table = mock!(Client::put_item).then_http_response(|| {
        let body = r#"{"__type":"ResourceNotFoundException","message":"because"}"#;
        http(400, Some("ResourceNotFoundException"), body)
    });
    let dispatch = open(&format!("{QUEUE}?responses=jobs"));
    dispatch.0.sdk.give_sqs(answered_by!(aws_sdk_sqs, rule));
    let _ = dispatch.0.sdk.clone().with_dynamodb(answered_by!(aws_sdk_dynamodb, table));
    let error = send_one(&dispatch, Call::new("k", ()).id(JobId::from_bytes([1; 16]))).await.unwrap_err();
    assert_eq!(class(&error), "refused", "{error:?}");
    assert!(error.to_string().contains("`jobs`"), "{error}");
    assert!(sent.all().is_empty());
}
