use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::get_queue_url::{GetQueueUrlInput, GetQueueUrlOutput};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchInput, SendMessageBatchOutput};
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchResultEntry};
use aws_smithy_mocks::{Rule, mock};

use super::*;

pub(super) const QUEUE: &str = "sqs:https://sqs.us-east-1.amazonaws.com/123456789012/q";

/// Answers a batch by what `judge` says of each entry: its number, `None` where it is accepted, else who is at fault and
/// a code; `Some((_, ""))` leaves it out of the answer.
pub(super) fn judged(
    asked: Asked<Vec<String>>,
    judge: impl Fn(usize, &str) -> Option<(bool, &'static str)> + Send + Sync + 'static,
) -> Rule {
    mock!(Client::send_message_batch).then_compute_output(move |request: &SendMessageBatchInput| {
        let bodies = request.entries().iter().map(|entry| entry.message_body().to_owned()).collect();
        let number = asked.note(bodies);
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in request.entries() {
            match judge(number, entry.message_body()) {
                None => {
                    let entry = SendMessageBatchResultEntry::builder().id(entry.id()).message_id("m");
                    successful.push(entry.md5_of_message_body("d").build().unwrap());
                }
                Some((_, "")) => {}
                Some((at_fault, code)) => {
                    let entry = BatchResultErrorEntry::builder().id(entry.id()).code(code).sender_fault(at_fault);
                    failed.push(entry.message("because").build().unwrap());
                }
            }
        }
        SendMessageBatchOutput::builder().set_successful(Some(successful)).set_failed(Some(failed)).build().unwrap()
    })
}

fn named(names: &[&str]) -> Vec<NewJob> {
    names.iter().map(|name| job(Call::new("k", (name,)))).collect()
}

#[tokio::test(start_paused = true)]
async fn entries_that_the_service_failed_are_sent_again_and_those_it_refused_are_not() {
    let asked = Asked::new();
    let rule = judged(asked.clone(), |number, body| match (number, body) {
        (0, body) if body.contains("fails") => Some((false, "InternalError")),
        (0 | 1, body) if body.contains("slow") => Some((true, "RequestThrottled")),
        (0, body) if body.contains("lost") => Some((false, "")),
        (_, body) if body.contains("bad") => Some((true, "InvalidMessageContents")),
        _ => None,
    });
    let dispatch = open(QUEUE);
    dispatch.0.sdk.give_sqs(answered_by!(aws_sdk_sqs, rule));

    let answers = dispatch.send(named(&["good", "fails", "bad", "slow", "lost"])).await;
    let classes: Vec<_> = answers.iter().map(|answer| answer.as_ref().map_or_else(class, |_| "ok")).collect();
    assert_eq!(classes, ["ok", "ok", "refused", "ok", "ok"]);
    let refused = answers[2].as_ref().unwrap_err();
    assert!(refused.to_string().contains("take a message for queue `https://sqs"), "{refused}");
    assert!(refused.to_string().contains("InvalidMessageContents"), "{refused}");

    let sent: Vec<usize> = asked.all().iter().map(Vec::len).collect();
    assert_eq!(sent, [5, 3, 1]);
    assert!(asked.all()[2][0].contains("slow"));
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_given_up_after_the_last_attempt() {
    for attempts in [1, 2, 5] {
        let asked = Asked::new();
        let rule = judged(asked.clone(), |_, body| body.contains("fails").then_some((false, "InternalError")));
        let dispatch = settings(QUEUE).attempts(attempts).open().unwrap();
        dispatch.0.sdk.give_sqs(answered_by!(aws_sdk_sqs, rule));
        let answers = dispatch.send(named(&["good", "fails"])).await;
        assert!(answers[0].is_ok());
        assert_eq!(class(answers[1].as_ref().unwrap_err()), "storage");
        assert_eq!(asked.all().len(), attempts as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_whole_seconds_and_none_leaves_the_queues_own() {
    let asked = Asked::new();
    let noted = asked.clone();
    let rule = mock!(Client::send_message_batch).then_compute_output(move |request: &SendMessageBatchInput| {
        noted.note(request.entries().iter().map(|entry| entry.delay_seconds).collect::<Vec<_>>());
        SendMessageBatchOutput::builder().set_successful(Some(vec![])).set_failed(Some(vec![])).build().unwrap()
    });
    let dispatch = settings(QUEUE).attempts(1).open().unwrap();
    dispatch.0.sdk.give_sqs(answered_by!(aws_sdk_sqs, rule));
    let after = |millis| job(Call::new("k", ()).delay(Duration::from_millis(millis)));
    dispatch.send(vec![after(0), after(1_001), after(900_000)]).await;
    let too_long = dispatch.send(vec![after(900_001)]).await.pop().unwrap().unwrap_err();
    assert!(too_long.is_unsupported() && too_long.to_string().contains("at most 900 s"), "{too_long}");
    assert_eq!(asked.all(), [vec![None, Some(2), Some(900)]]);
}

#[tokio::test(start_paused = true)]
async fn a_queues_url_is_asked_once() {
    let (urls, asked) = (Asked::new(), Asked::new());
    let noted = urls.clone();
    let lookup = mock!(Client::get_queue_url).then_compute_output(move |request: &GetQueueUrlInput| {
        noted.note(request.queue_name().unwrap().to_owned());
        GetQueueUrlOutput::builder().queue_url("https://host/123456789012/jobs").build()
    });
    let sending = judged(asked.clone(), |_, _| None);
    let dispatch = open("sqs:jobs");
    let client = answered_by!(aws_sdk_sqs, lookup, sending);
    dispatch.0.sdk.give_sqs(client);
    for _ in 0..3 {
        assert!(send_one(&dispatch, Call::new("k", ())).await.is_ok());
    }
    assert_eq!((urls.all(), asked.all().len()), (vec!["jobs".to_owned()], 3));
}

#[tokio::test(start_paused = true)]
async fn what_sqs_says_is_classified_and_says_what_was_asked() {
    for (status, code, expected) in [
        (400, "AWS.SimpleQueueService.NonExistentQueue", "refused"),
        (403, "AccessDeniedException", "refused"),
        (400, "AWS.SimpleQueueService.BatchRequestTooLong", "refused"),
        (400, "RequestThrottled", "busy"),
        (403, "OverLimit", "busy"),
        (500, "InternalFailure", "storage"),
    ] {
        let rule = mock!(Client::send_message_batch)
            .then_http_response(move || http(status, Some(code), r#"{"message":"because"}"#));
        let dispatch = open(QUEUE);
        dispatch.0.sdk.give_sqs(answered_by!(aws_sdk_sqs, rule));
        let error = send_one(&dispatch, Call::new("k", ())).await.unwrap_err();
        assert_eq!(class(&error), expected, "{code}: {error:?}");
        assert!(error.to_string().contains("send to queue `https://sqs"), "{error}");
        assert!(format!("{:?}", std::error::Error::source(&error)).contains("because"), "{error:?}");
    }
}

#[tokio::test]
async fn a_fifo_queue_knows_a_job_of_a_table_by_its_id_and_another_by_its_key() {
    let of = |url: &str| {
        let dispatch = open(url);
        let now = dispatch.clock().now();
        let outgoing = dispatch.0.prepare(0, job(Call::new("k", ()).key("once")), now).unwrap();
        (outgoing.fifo().unwrap().deduplication, outgoing.message.id.to_string())
    };
    let (known_by, id) = of("sqs:jobs.fifo?responses=jobs");
    assert_eq!(known_by, id, "a job of the table is sent again with the key where nobody knows that it was sent");
    assert_eq!(of("sqs:jobs.fifo").0, of("sqs:jobs.fifo").0);
}
