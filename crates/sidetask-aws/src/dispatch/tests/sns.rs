use aws_sdk_sns::Client;
use aws_sdk_sns::operation::publish_batch::{PublishBatchInput, PublishBatchOutput};
use aws_sdk_sns::types::PublishBatchResultEntry;
use aws_smithy_mocks::mock;

use super::*;

const TOPIC: &str = "sns:arn:aws:sns:us-east-1:123456789012:t";

fn all_accepted(request: &PublishBatchInput) -> PublishBatchOutput {
    let entries = request.publish_batch_request_entries().iter();
    let each = entries.map(|entry| PublishBatchResultEntry::builder().id(entry.id()).build());
    PublishBatchOutput::builder().set_successful(Some(each.collect())).build()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_are_a_hundred_requests_of_ten() {
    let asked = Asked::new();
    let noted = asked.clone();
    let rule = mock!(Client::publish_batch).then_compute_output(move |request: &PublishBatchInput| {
        let entries = request.publish_batch_request_entries();
        noted.note((entries.len(), entries.iter().map(|entry| entry.message().len()).sum::<usize>()));
        all_accepted(request)
    });
    let dispatch = open(TOPIC);
    dispatch.0.sdk.give_sns(answered_by!(aws_sdk_sns, rule));

    let answers = dispatch.send(jobs(1000, "ada")).await;
    let ids: std::collections::HashSet<_> = answers.iter().map(|answer| answer.as_ref().unwrap().id).collect();
    assert_eq!(ids.len(), 1000);
    assert_eq!(asked.all().iter().map(|(count, _)| *count).collect::<Vec<_>>(), vec![10; 100]);

    assert!(dispatch.send(jobs(25, &"x".repeat(60_000))).await.iter().all(Result::is_ok));
    let large = &asked.all()[100..];
    assert!(large.iter().all(|(count, bytes)| *count <= 4 && *bytes <= 262_144), "{large:?}");
    assert_eq!(large.len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_fifo_topic_gets_the_queue_as_group_and_the_key_or_id_as_deduplication() {
    let asked = Asked::new();
    let noted = asked.clone();
    let rule = mock!(Client::publish_batch).then_compute_output(move |request: &PublishBatchInput| {
        for entry in request.publish_batch_request_entries() {
            noted.note((entry.message_group_id.clone().unwrap(), entry.message_deduplication_id.clone().unwrap()));
        }
        all_accepted(request)
    });
    let dispatch = open(&format!("{TOPIC}.fifo"));
    dispatch.0.sdk.give_sns(answered_by!(aws_sdk_sns, rule));
    let calls = [
        Call::new("a", ()).queue("mail"),
        Call::new("a", ()).queue("mail").key("once"),
        Call::new("b", ()).queue("with space é").key("once"),
        Call::new("b", ()).queue("mail").key("once"),
    ];
    let answers = dispatch.send(calls.map(job).into()).await;
    let asked = asked.all();
    assert_eq!(asked[0], ("mail".to_owned(), answers[0].as_ref().unwrap().id.to_string()));
    assert_eq!(asked[1].0, "mail");
    assert!(asked[2].0.len() == 64 && asked[2].0.chars().all(|c| c.is_ascii_hexdigit()), "{asked:?}");
    assert_eq!(asked[2].1, asked[3].1);
    assert_ne!(asked[1].1, asked[3].1, "a key is of its kind");
}

#[tokio::test(start_paused = true)]
async fn what_sns_says_is_classified_and_says_what_was_asked() {
    for (status, code, expected) in [
        (404, "NotFound", "refused"),
        (403, "AuthorizationError", "refused"),
        (400, "InvalidParameter", "refused"),
        (429, "Throttled", "busy"),
        (400, "KMSThrottling", "busy"),
        (500, "InternalError", "storage"),
        (503, "ServiceUnavailable", "storage"),
    ] {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>because</Message></Error></ErrorResponse>"
        );
        let body: &'static str = body.leak();
        let rule = mock!(Client::publish_batch).then_http_response(move || http(status, None, body));
        let dispatch = open(TOPIC);
        dispatch.0.sdk.give_sns(answered_by!(aws_sdk_sns, rule));
        for error in dispatch.send(jobs(2, "x")).await.into_iter().map(Result::unwrap_err) {
            assert_eq!(class(&error), expected, "{code}: {error:?}");
            let text = error.to_string();
            assert!(text.contains("publish to topic `arn:aws") && text.contains(code), "{text}");
            assert!(format!("{:?}", std::error::Error::source(&error)).contains("because"), "{error:?}");
        }
    }
}
